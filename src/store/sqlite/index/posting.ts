// Postings: the entries of the index for a message. Each consists of a list, a key and the message's id:
//
//   received   the inbox's number    which messages came to this account or group
//   sent       the sender's number   which messages this account sent
//   keyed      a hash                which messages may carry this (sender, clientId); the message itself decides
//
// Keys are unsigned 32-bit numbers. In `received`, accounts have even keys and groups odd ones.

import { LogDamage } from "../damage.ts";

export const lists = { received: 0, sent: 1, keyed: 2 } as const;
export type List = (typeof lists)[keyof typeof lists];
export const allLists: readonly List[] = [lists.received, lists.sent, lists.keyed];

/** The number of messages that a flush writes to a run. */
export const flushMessagesDefault = 131_072;

const keyLast = 0xffff_ffff;

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

export function sentKey(account: bigint): number {
  return Number(account);
}

export function keyedKey(sender: bigint, clientId: string): number {
  return Bun.hash.xxHash32(`${sender}:${clientId}`);
}

/** Throws LogDamage for a row that no writer writes. */
export function keysOf(row: PostedRow): MessageKeys {
  if (!isInteger(row.inbox) || !isInteger(row.sender) || row.sender < 0n || row.sender > keyLast)
    throw new LogDamage(`message ${row.id} has no sender or no receiver`);
  return {
    id: row.id,
    received: receivedKey(row.inbox),
    sent: sentKey(row.sender),
    keyed: row.client_id === null ? undefined : keyedKey(row.sender, row.client_id),
  };
}

/** A damaged row may hold any type. */
function isInteger(value: unknown): boolean {
  return typeof value === "bigint";
}
