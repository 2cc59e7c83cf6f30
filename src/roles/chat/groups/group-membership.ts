// chat.group.join and chat.group.quit: the caller, or another account at the owner's or an admin's request, becomes or
// ceases to be a member. A request without effect sends no notices; if this node has told of none that it repeats, the
// members are sent chat.sync. When the owner leaves, the longest member becomes the owner.

import { isPerson } from "../../../auth/names.ts";
import type { Limits } from "../../../base/limits/limits.ts";
import type { Context } from "../../../service/context.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Handler } from "../../../service/router.ts";
import { entryKind } from "../../../store/conversations.ts";
import type { StoredEntry } from "../../../store/groups.ts";
import type { MembershipChange, MembershipOutcome } from "../../../store/store.ts";
import { hasConversations } from "../../../wire/features.ts";
import { GroupJoinReqSchema, GroupQuitReqSchema, Status } from "../../../wire/gen/pkt_pb.ts";
import { oldChanges } from "../account-rates.ts";
import { admitDelivery } from "../admit-delivery.ts";
import type { ChatParts } from "../chat-parts.ts";
import { groupEntry } from "../entry-message.ts";
import { requestOf, tellToLook } from "./group-change.ts";
import { refusalFor } from "./group-refusals.ts";
import { joinInvited } from "./join-invited.ts";
import { pushMembership } from "./membership-pushes.ts";

/** Adds an account to a group; the caller, if there is an invitation. */
export function groupJoin(parts: ChatParts): Handler {
  return async (context) => {
    const request = context.body(GroupJoinReqSchema);
    if (request.code !== "" && hasConversations(context.location.features))
      await joinInvited(parts, context, request.code);
    else await changeMembership(parts, context, changeOf(context, request), true);
  };
}

/** Removes an account from a group. */
export function groupQuit(parts: ChatParts): Handler {
  return async (context) => {
    await changeMembership(parts, context, changeOf(context, context.body(GroupQuitReqSchema)), false);
  };
}

/** Returns the requested change. Refuses an empty account or group: it never means "all". */
function changeOf(context: Context, request: { account: string; groupId: string }): MembershipChange {
  if (!isPerson(request.account)) throw new Refusal(Status.InvalidPacketBody, "account must be an account name");
  if (request.groupId === "") throw new Refusal(Status.InvalidPacketBody, "group_id must not be empty");
  return { app: context.app, group: request.groupId, actor: context.account, account: request.account };
}

/** Commits the change, answers, and then tells the online members, except for the connection that asked. */
async function changeMembership(
  parts: ChatParts,
  context: Context,
  change: MembershipChange,
  isMember: boolean,
): Promise<void> {
  const { store, rates, audience, limits } = parts;
  const { app, group, account } = change;
  admitDelivery(parts, context);
  rates.changeGroup(context, isMember ? 1 : 0, oldChanges);
  const outcome = await (isMember ? store.join(change) : store.quit(change));
  const changed = isChanged(outcome, change, limits, hasConversations(context.location.features));
  const accounts = [account];
  if (changed) audience.changed({ app, group, accounts, ...outcome, isMember });
  context.respondEmpty();
  if (!changed) {
    tellToLook(parts, context, { toGroup: true, dest: group }, 0);
    return;
  }
  parts.told.tellGroup(requestOf(context));
  const { version } = outcome;
  const stored = storedEntry(change, outcome, isMember);
  pushMembership(parts, context, { group, accounts, isMember, version, stored }, 0);
}

/** The entry of a change. */
function storedEntry(
  { group, actor, account }: MembershipChange,
  { version, entry }: Extract<MembershipOutcome, { result: "changed" }>,
  isMember: boolean,
): StoredEntry {
  const kind = isMember ? entryKind.groupJoined : actor === account ? entryKind.groupLeft : entryKind.groupRemoved;
  const { time, previousEntryId, isQuiet } = entry;
  return { entry: groupEntry({ entryId: version, kind, actor, time, group }, [account]), previousEntryId, isQuiet };
}

/**
 * Reports whether the membership changed. Throws Refusal if the change was refused; a client without the feature
 * `conversations` is not told of what it cannot do.
 */
function isChanged(
  outcome: MembershipOutcome,
  { app, actor, account }: MembershipChange,
  limits: Limits,
  canAsk: boolean,
): outcome is Extract<MembershipOutcome, { result: "changed" }> {
  switch (outcome.result) {
    case "changed":
      return true;
    case "unchanged":
      return false;
    case "closed":
    case "approval":
      throw canAsk ? refusalFor(limits, { app, account: actor }, outcome) : notYours(canAsk);
    case "forbidden":
      throw notYours(canAsk);
    case "notFound":
      throw new Refusal(Status.NotFound, "there is no such group");
    case "unwilling":
      throw new Refusal(
        Status.Forbidden,
        "the account does not let you add it to groups; send it an invitation instead",
      );
    case "full":
      limits.met(outcome.limit, { app, actor, account });
      throw new Refusal(Status.Forbidden, fullSentences[outcome.limit](limits.values[outcome.limit]));
  }
}

function notYours(hasAdmins: boolean): Refusal {
  const others = hasAdmins ? ", the group's owner or one of its admins" : " or the group's owner";
  return new Refusal(Status.Forbidden, `only the account itself${others} may do this`);
}

const fullSentences = {
  groupsPerAccount: (count: number) => `you have created or joined ${count} groups; no more are allowed`,
  groupsPutPerAccount: (count: number) =>
    `others have added the account to ${count} groups; it can still join by itself`,
  groupMembers: (count: number) => `a group has at most ${count} members`,
} as const;
