// Why changes of groups are refused, as clients are told.

import { assert } from "../../../base/assert.ts";
import { groupAdminsMax, pinnedMessagesMax } from "../../../base/limits/fixed.ts";
import type { Limits } from "../../../base/limits/limits.ts";
import { type LimitName, limitNames } from "../../../base/limits/table.ts";
import type { Context } from "../../../service/context.ts";
import { Refusal } from "../../../service/refusal.ts";
import type { Refused } from "../../../store/groups.ts";
import { Status } from "../../../wire/gen/pkt_pb.ts";
import { talkRefusals } from "../talk-refusals.ts";

type Reason = Exclude<Refused["result"], "full" | "unchanged">;

const reasons: Record<Reason, readonly [Status, string]> = {
  ...talkRefusals,
  forbidden: [Status.Forbidden, "you may not do this in this group"],
  closed: [Status.Forbidden, "the group is closed: join it with an invitation, or let an admin add you"],
  approval: [Status.Forbidden, "the group decides who joins: ask with chat.group.request"],
  noApproval: [Status.Forbidden, "the group takes everybody: join it with chat.group.join"],
  unwilling: [Status.Forbidden, "the account does not let you do this; send it an invitation instead"],
  noMember: [Status.NotFound, "the account is no member of this group"],
};

/** What a command says instead of the usual sentence. */
export type Sentences = Partial<Record<Reason, string>>;

const fullSentences = new Map<string, (count: number) => string>([
  ["groupMembers", (count) => `a group has at most ${count} members`],
  ["groupsPerAccount", (count) => `the account has created or joined ${count} groups; no more are allowed`],
  ["groupsPutPerAccount", (count) => `others have added the account to ${count} groups; it can still join by itself`],
  ["invitationsPerGroup", (count) => `a group has at most ${count} invitations: revoke one`],
  ["joinRequestsPerGroup", (count) => `at most ${count} accounts can ask to join a group at the same time`],
  ["joinRequestsPerAccount", (count) => `you can ask to join at most ${count} groups at the same time: withdraw one`],
]);
const fixedSentences = new Map([
  ["groupAdminsMax", `a group has at most ${groupAdminsMax} admins`],
  ["pinnedMessagesMax", `at most ${pinnedMessagesMax} messages of a conversation can be pinned`],
]);

/**
 * Returns why the store has refused a change, for the client, and counts a limit that was reached. `sentences`: what
 * the command says instead of the usual.
 */
export function refusalFor(
  limits: Limits,
  { app, account }: Pick<Context, "app" | "account">,
  refused: Refused,
  sentences: Sentences = {},
): Refusal {
  if (refused.result === "full") {
    const { bound } = refused;
    const name = limitNames.find((each): each is LimitName => each === bound);
    if (name !== undefined) limits.met(name, { app, account });
    const sentence = name === undefined ? fixedSentences.get(bound) : fullSentences.get(bound)?.(limits.values[name]);
    return new Refusal(Status.Forbidden, sentence ?? "the group has as many of these as are allowed");
  }
  assert(refused.result !== "unchanged", "what is so already is no refusal");
  const [status, usual] = reasons[refused.result];
  return new Refusal(status, sentences[refused.result] ?? usual);
}

/** Returns a group's id. Throws InvalidPacketBody if it is empty: that never means "all". */
export function groupOf({ group }: { readonly group: string }): string {
  if (group === "") throw new Refusal(Status.InvalidPacketBody, "group must be the id of a group");
  return group;
}
