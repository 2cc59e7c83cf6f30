// What the commands of conversations have in common: names of conversations, ids, sizes of pages.

import { isPerson, nameRule, validName } from "../../auth/names.ts";
import { Refusal } from "../../service/refusal.ts";
import type { ConversationName } from "../../store/conversations.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** The page of a list whose request says 0. */
const pageDefault = 50;

/** Returns the named conversation. Throws InvalidPacketBody unless exactly one of an account and a group is named. */
export function conversationOf({ account, group }: { account: string; group: string }): ConversationName {
  if ((account === "") === (group === ""))
    throw new Refusal(Status.InvalidPacketBody, "exactly one of account and group must be set");
  if (group !== "") return { toGroup: true, dest: group };
  checkAccount("account", account);
  return { toGroup: false, dest: account };
}

/** The account and the group of a conversation's name as messages have them: one of them is empty. */
export function nameFields({ toGroup, dest }: ConversationName): { account: string; group: string } {
  return toGroup ? { account: "", group: dest } : { account: dest, group: "" };
}

/** Returns the size of a page. Throws InvalidPacketBody unless it is 1 to `most`, or 0, the default. */
export function pageOf(limit: number, most: number): number {
  if (limit < 0 || limit > most)
    throw new Refusal(Status.InvalidPacketBody, `limit must be 1 to ${most}, or 0 for ${pageDefault}`);
  return limit === 0 ? pageDefault : limit;
}

/** Throws InvalidPacketBody unless `messageId` can be a message's. */
export function checkMessageId(messageId: bigint): void {
  if (messageId <= 0n) throw new Refusal(Status.InvalidPacketBody, "messageId must be the id of a message");
}

/** Throws InvalidPacketBody if an id or version is negative. */
export function checkNotNegative(name: string, value: bigint): void {
  if (value < 0n) throw new Refusal(Status.InvalidPacketBody, `${name} must not be negative`);
}

/** Throws InvalidPacketBody unless an account can have this name. */
export function checkAccount(field: string, account: string): void {
  if (!validName(account)) throw new Refusal(Status.InvalidPacketBody, `${field} must be a name: ${nameRule}`);
}

/** Throws InvalidPacketBody unless an account can have this name, and is not the system. */
export function checkPerson(field: string, account: string): void {
  checkAccount(field, account);
  if (!isPerson(account)) throw new Refusal(Status.InvalidPacketBody, `${field} must not name the system, ${account}`);
}

/** Throws InvalidPacketBody unless a page begins after an account, or at the start: ''. */
export function checkAfter(after: string): void {
  if (after !== "" && !validName(after))
    throw new Refusal(Status.InvalidPacketBody, `after must be the last account of the page before: ${nameRule}`);
}

export function noConversation(): Refusal {
  return new Refusal(Status.NotFound, "you have no such conversation");
}
