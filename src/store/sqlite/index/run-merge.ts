// Merges adjacent runs, list by list, in slices: transactions are short, and only one block of each run is in memory.
// Deleted messages are omitted.

import { allLists, lists, type List } from "./posting.ts";
import type { Run } from "./run.ts";
import { slicePostings, type RunBuilder } from "./run-builder.ts";
import type { Postings } from "./run-block.ts";

class RunCursor {
  key = 0;
  id = 0n;
  private readonly run: Run;
  private readonly list: List;
  private block: Postings | undefined;
  private ordinal = 0;
  private at = 0;

  constructor(run: Run, list: List) {
    this.run = run;
    this.list = list;
  }

  next(): boolean {
    if (this.block === undefined || this.at === this.block.keys.length) {
      if (this.ordinal === this.run.blockCount(this.list)) return false;
      this.block = this.run.block(this.list, this.ordinal++);
      this.at = 0;
    }
    this.key = this.block.keys[this.at] ?? 0;
    this.id = this.block.ids[this.at] ?? 0n;
    this.at++;
    return true;
  }
}

/** Merges runs, oldest first, in slices. Omits ids below `from`, and keyed ones below `keyedFrom`. */
export function* mergeRuns(
  runs: readonly Run[],
  builder: RunBuilder,
  from: bigint,
  keyedFrom: bigint,
): Generator<void, void, void> {
  let left = slicePostings;
  for (const list of allLists) {
    const oldest = list === lists.keyed && keyedFrom > from ? keyedFrom : from;
    const cursors = runs.map((run) => new RunCursor(run, list)).filter((cursor) => cursor.next());
    while (cursors.length > 0) {
      const least = leastKey(cursors);
      // Runs do not overlap: a key's ids in an older run precede those in a newer one.
      const { key } = least;
      let hasMore = true;
      while (hasMore && least.key === key) {
        if (least.id >= oldest) builder.add(list, key, least.id);
        hasMore = least.next();
        left--;
      }
      if (!hasMore) cursors.splice(cursors.indexOf(least), 1);
      if (left > 0) continue;
      left = slicePostings;
      yield;
    }
    builder.endList(list);
  }
}

function leastKey(cursors: readonly RunCursor[]): RunCursor {
  let [least] = cursors;
  for (const cursor of cursors) if (least === undefined || cursor.key < least.key) least = cursor;
  if (least === undefined) throw new Error("a merge has cursors left");
  return least;
}
