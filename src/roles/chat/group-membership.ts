// What joining and quitting share: the account and the group must be named, the store decides about rights, and the
// group's online members are told.

import { validName } from "../../auth/names.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import type { MembershipChange, MembershipOutcome } from "../../store/store.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { ChatParts } from "./chat-parts.ts";

/** The change that a request asks for; an empty account or group is refused, never taken for "all". */
export function membershipChange(context: Context, request: { account: string; groupId: string }): MembershipChange {
  if (!validName(request.account)) throw new Refusal(Status.InvalidPacketBody, "account must name an account");
  if (request.groupId === "") throw new Refusal(Status.InvalidPacketBody, "group_id must not be empty");
  return { app: context.app, group: request.groupId, actor: context.account, account: request.account };
}

/** Throws what an outcome refuses. True: the membership changed and members are to be told. */
export function isChanged(
  outcome: MembershipOutcome,
  { app, actor, account }: MembershipChange,
  limits: Limits,
): outcome is Extract<MembershipOutcome, { result: "changed" }> {
  switch (outcome.result) {
    case "changed":
      return true;
    case "unchanged":
      return false;
    case "forbidden":
      throw new Refusal(Status.Forbidden, "this is for the account itself or the group's owner");
    case "notFound":
      throw new Refusal(Status.NotFound, "there is no such group");
    case "full":
      limits.met(outcome.limit, { app, actor, account });
      throw new Refusal(Status.Forbidden, fullSentences[outcome.limit](limits.values[outcome.limit]));
  }
}

const fullSentences = {
  groupsPerAccount: (count: number) => `you have created or joined ${count} groups; no more are allowed`,
  groupsPutPerAccount: (count: number) => `others have put the account in ${count} groups; it can still join by itself`,
  groupMembers: (count: number) => `a group has at most ${count} members`,
} as const;

/**
 * Tells the online members, and whoever is named besides, but not the connection that asked; now, or within a second.
 */
export function notifyMembers(
  { notices }: ChatParts,
  context: Context,
  change: MembershipChange & { readonly isMember: boolean },
  version: bigint,
  body: Uint8Array,
): void {
  const { app, group, actor, account, isMember } = change;
  const { command, channelId, sequence } = context;
  notices.tell({ app, head: { command, channelId, sequence, dest: group }, actor, account, version, isMember, body });
}
