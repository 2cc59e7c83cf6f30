// A page of an index, as the reader's thread tells it.

import type { IndexEntry } from "../store.ts";
import { type Answer, indexSlots } from "./protocol.ts";

/** Returns the entries of an answer; each has `indexSlots` numbers and two texts. */
export function indexEntriesOf({ numbers, texts }: Extract<Answer, { kind: "numbers" }>): IndexEntry[] {
  const names: string[] = JSON.parse(texts);
  const entries: IndexEntry[] = [];
  for (let at = 0, name = 0; at < numbers.length; at += indexSlots, name += 2) {
    entries.push({
      messageId: numbers[at] ?? 0n,
      direction: numbers[at + 1] === 0n ? 0 : 1,
      sendTime: numbers[at + 2] ?? 0n,
      otherAccount: names[name] ?? "",
      group: names[name + 1] ?? "",
    });
  }
  return entries;
}
