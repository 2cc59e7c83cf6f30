// What a store or a backup holds, in words, and when roost restore replaces it.

import type { Present, StoreFacts } from "../store/store-facts.ts";

/** What was put in place, and what a person should know about it. */
export interface Restored {
  readonly held: StoreFacts;
  readonly advice: readonly string[];
}

/** `500 messages up to id 123, the newest of 2026-11-27T16:52:23.000Z`. */
export function heldSentence({ messages, lastId, newestMs }: StoreFacts): string {
  const newest = newestMs === undefined ? "" : `, the newest of ${new Date(newestMs).toISOString()}`;
  return `${messages} message${messages === 1 ? "" : "s"} up to id ${lastId}${newest}`;
}

/** Reports whether nothing would be lost. */
export function isEmpty({ facts, failure }: Present): boolean {
  return failure === undefined && facts?.messages === 0 && facts.names === 0;
}

/** What would be lost: the reason why nothing is replaced that was not meant. */
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
    "To put the backup in its place say --replace; what is there is kept under another name."
  );
}
