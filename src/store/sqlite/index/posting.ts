// Postings: the entries of the index. Each consists of a list, a key of one or two words, and a message's id:
//
//   received   the inbox, beside it the sender   which messages came to this account or group, and from whom
//   sent       the sender                        which messages this account sent
//   keyed      a hash                            which messages may carry this (sender, clientId); the message decides
//   pair       the sender and the receiver       which messages this account sent to that one; none for groups
//   peers      two accounts                      the newest message between them, in either direction
//
// Words are unsigned 32-bit numbers. In `received`, accounts have even keys and groups odd ones. A message has one
// posting of each of the first four lists; `peers` summarizes the list `pair` of a run (peer-list.ts).

import { keyedKeyOf } from "../client-ids.ts";
import { LogDamage } from "../damage.ts";

export const lists = { received: 0, sent: 1, keyed: 2, pair: 3, peers: 4 } as const;
export type List = (typeof lists)[keyof typeof lists];
export const allLists: readonly List[] = [lists.received, lists.sent, lists.keyed, lists.pair, lists.peers];
/** What the store's writer looks up. */
export const writerLists: readonly List[] = [lists.received, lists.keyed];
/** What the store's reader looks up. */
export const readerLists: readonly List[] = [lists.received, lists.sent, lists.pair, lists.peers];
/** The lists with a Bloom filter of their keys. */
export const filteredLists: readonly List[] = [lists.received, lists.keyed, lists.pair];

/** Reports whether the list's postings have a second word. */
export function isWide(list: List): boolean {
  return list === lists.received || isPaired(list);
}

/** Reports whether the second word is part of the key, so that the list is sorted by it, too. */
export function isPaired(list: List): boolean {
  return list === lists.pair || list === lists.peers;
}

/** The number of messages that a flush writes to a run. */
export const flushMessagesDefault = 131_072;

const keyLast = 0xffff_ffff;

/** The keys of a message; its pair is made of `sent` and `received` (receiverOf). */
export interface MessageKeys {
  readonly id: bigint;
  readonly received: number;
  readonly sent: number;
  readonly keyed: number | undefined;
}

/** The columns of a message that determine its postings. */
export interface PostedRow {
  readonly id: bigint;
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly client_id: string | null;
}

/** Returns those columns for a query, without client_id, which costs most, unless the list `keyed` is wanted. */
export function postedColumns(wanted: readonly List[]): string {
  return `id, inbox, sender, ${wanted.includes(lists.keyed) ? "client_id" : "NULL AS client_id"}`;
}

/** `inbox` as in the message table: the receiver's number, or minus the group's. */
export function receivedKey(inbox: bigint): number {
  const key = inbox > 0n ? Number(inbox) * 2 : Number(-inbox) * 2 + 1;
  if (!(key <= keyLast)) throw new LogDamage(`no account and no group has the number ${inbox}`);
  return key;
}

/** Returns the receiver's number for a key of `received`; 0 if that is a group's. */
export function receiverOf(received: number): number {
  return received % 2 === 0 ? received / 2 : 0;
}

/** Hashes the two words of a pair to one, for filters and hash tables. */
export function pairHash(sender: number, receiver: number): number {
  const mixed = Math.imul(sender ^ (sender >>> 15), 0x85ebca6b) ^ receiver;
  return (Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35) ^ sender) >>> 0;
}

export function sentKey(account: bigint): number {
  return Number(account);
}

/** Throws LogDamage for a row that no writer writes. */
export function keysOf(row: PostedRow): MessageKeys {
  if (!isInteger(row.inbox) || !isInteger(row.sender) || row.sender < 0n || row.sender > keyLast)
    throw new LogDamage(`message ${row.id} has no sender or no receiver`);
  return {
    id: row.id,
    received: receivedKey(row.inbox),
    sent: sentKey(row.sender),
    keyed: row.client_id === null ? undefined : keyedKeyOf(row.sender, row.client_id),
  };
}

/** A damaged row may hold any type. */
function isInteger(value: unknown): boolean {
  return typeof value === "bigint";
}
