// Describes the contents of stores and backups, and decides whether roost restore may replace a store.

import type { Present, StoreFacts } from "../store/store-facts.ts";
import { counted } from "./text-table.ts";

/** The result of a restore: the contents of the backup, and sentences for the operator. */
export interface Restored {
  readonly held: StoreFacts;
  readonly advice: readonly string[];
}

/** Names a backup from standard input in messages. */
export const pipedName = "the backup from standard input";

/** Formats `500 messages up to id 123, the newest of 2026-11-27T16:52:23.000Z`. */
export function heldSentence({ messages, lastId, newestMs }: StoreFacts): string {
  const newest = newestMs === undefined ? "" : `, the newest of ${new Date(newestMs).toISOString()}`;
  return `${counted(messages, "message")} up to id ${lastId}${newest}`;
}

/** Reports whether replacing the store would lose nothing. */
export function isEmpty({ facts, failure }: Present): boolean {
  return failure === undefined && facts?.messages === 0 && facts.names === 0;
}

/** Returns the sentence that refuses to replace a store without --replace: it says what would be lost. */
export function refusalOf(
  place: string,
  { facts, failure, newer }: Present,
  name: string,
  held: StoreFacts | undefined,
): string {
  const what = facts === undefined ? `cannot be read (${failure})` : `holds ${heldSentence(facts)}`;
  const lost = newer === 0 ? "" : `; ${newer} of them ${newer === 1 ? "is" : "are"} newer than the backup`;
  const other = held === undefined ? "" : `${name} holds ${heldSentence(held)}. `;
  return (
    `${place} ${what}${lost}. ${other}` +
    "Use --replace to put the backup in its place; the present store is kept under another name."
  );
}
