// Merges adjacent runs, list by list, in slices: transactions are short, and only one block of each run is in memory.
// Deleted messages are omitted.

import { PeerList } from "./peer-list.ts";
import { isPaired, lists, type List } from "./posting.ts";
import type { Run } from "./run.ts";
import { slicePostings, type RunBuilder } from "./run-builder.ts";
import type { Postings } from "./run-block.ts";

const anySecond = -1;

class RunCursor {
  key = 0;
  second = 0;
  /** The posting's id is the one at `at` in `halves`. */
  halves: Uint32Array = new Uint32Array(0);
  at = 0;
  private readonly run: Run;
  private readonly list: List;
  private block: Postings | undefined;
  private ordinal = 0;
  private nextAt = 0;

  constructor(run: Run, list: List) {
    this.run = run;
    this.list = list;
  }

  next(): boolean {
    if (this.block === undefined || this.nextAt === this.block.keys.length) {
      if (this.ordinal === this.run.blockCount(this.list)) return false;
      this.block = this.run.block(this.list, this.ordinal++);
      this.halves = this.block.halves;
      this.nextAt = 0;
    }
    this.at = this.nextAt++;
    this.key = this.block.keys[this.at] ?? 0;
    this.second = this.block.seconds[this.at] ?? 0;
    return true;
  }

  isAt(key: number, second: number): boolean {
    return this.key === key && (second === anySecond || this.second === second);
  }
}

/** Merges runs, oldest first, in slices. Omits ids below `from`, and keyed ones below `keyedFrom`. */
export function* mergeRuns(
  runs: readonly Run[],
  builder: RunBuilder,
  from: bigint,
  keyedFrom: bigint,
): Generator<void, void, void> {
  const add = (list: List) => (cursor: RunCursor) =>
    builder.add(list, cursor.key, cursor.second, cursor.halves, cursor.at);
  yield* mergeList(runs, lists.received, from, add(lists.received));
  builder.endList(lists.received);
  yield* mergeList(runs, lists.sent, from, add(lists.sent));
  builder.endList(lists.sent);
  yield* mergeList(runs, lists.keyed, keyedFrom > from ? keyedFrom : from, add(lists.keyed));
  builder.endList(lists.keyed);
  const peers = runs.every((run) => run.level > 0) ? undefined : new PeerList();
  const addPair = add(lists.pair);
  yield* mergeList(runs, lists.pair, from, (cursor) => {
    addPair(cursor);
    peers?.add(cursor.key, cursor.second, cursor.halves, cursor.at);
  });
  builder.endList(lists.pair);
  yield* peers === undefined ? mergePeers(runs, builder, from) : peers.build(builder);
  yield* builder.makeFilters();
}

/** Keeps the newest posting of each account and partner. */
function* mergePeers(runs: readonly Run[], builder: RunBuilder, from: bigint): Generator<void, void, void> {
  let [key, second] = [-1, -1];
  let halves: Uint32Array = new Uint32Array(0);
  let at = 0;
  const end = (): void => {
    if (key >= 0) builder.add(lists.peers, key, second, halves, at);
  };
  // Of equal pairs, the one in the newest run comes last.
  yield* mergeList(runs, lists.peers, from, (cursor) => {
    if (cursor.key !== key || cursor.second !== second) end();
    ({ key, second, at } = cursor);
    halves = cursor.halves;
  });
  end();
  builder.endList(lists.peers);
}

/** Passes the postings of a list in all runs to `take`, in their order, without ids below `from`. */
function* mergeList(
  runs: readonly Run[],
  list: List,
  from: bigint,
  take: (cursor: RunCursor) => void,
): Generator<void, void, void> {
  const [fromLow = 0, fromHigh = 0] = new Uint32Array(BigInt64Array.of(from).buffer);
  const isKept = ({ halves, at }: RunCursor): boolean => {
    const high = halves[at * 2 + 1] ?? 0;
    return high > fromHigh || (high === fromHigh && (halves[at * 2] ?? 0) >= fromLow);
  };
  const isBySecond = isPaired(list);
  const cursors = runs.map((run) => new RunCursor(run, list)).filter((cursor) => cursor.next());
  let left = slicePostings;
  while (cursors.length > 0) {
    const least = leastOf(cursors, isBySecond);
    // Runs do not overlap: a key's ids in an older run precede those in a newer one.
    const { key } = least;
    const second = isBySecond ? least.second : anySecond;
    let hasMore = true;
    while (hasMore && least.isAt(key, second)) {
      if (isKept(least)) take(least);
      hasMore = least.next();
      left--;
    }
    if (!hasMore) cursors.splice(cursors.indexOf(least), 1);
    if (left > 0) continue;
    left = slicePostings;
    yield;
  }
}

/** Returns the cursor with the least key, the oldest of several. An iterator would take a twentieth of a merge. */
function leastOf(cursors: readonly RunCursor[], isBySecond: boolean): RunCursor {
  let [least] = cursors;
  for (let at = 1; at < cursors.length; at++) {
    const cursor = cursors[at];
    if (least === undefined || cursor === undefined) break;
    const order = cursor.key - least.key;
    if (order < 0 || (order === 0 && isBySecond && cursor.second < least.second)) least = cursor;
  }
  if (least === undefined) throw new Error("a merge has cursors left");
  return least;
}
