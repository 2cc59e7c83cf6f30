// Compares the index with its log: every message is found under each of its keys, and nothing else is. What belongs to a run
// is summed up on both sides, in the memory of a few numbers however many messages it has: two sums that are equal are of
// the same postings, but for one chance in 2^64.
//
// Both snapshots are the caller's, that of the index the older one: an index never knows more than its log.

import type { Database } from "bun:sqlite";
import { idempotencyHours } from "../../../base/limits/fixed.ts";
import { smallestIdAt, timeOfId } from "../../snowflake.ts";
import { guarded, guardedLog, IndexDamage } from "../damage.ts";
import { Marks } from "../marks.ts";
import { allLists, lists, type List } from "./posting.ts";
import { RunList, type Run } from "./run.ts";
import { pragmaNumber } from "../schema.ts";
import { LogFollower } from "./memtable.ts";

/** Told how far a check has come: 0 to 1. */
export type Progress = (part: number) => void;

const chunkMessages = 4_096;
/** The first schema with the table of the marks. */
const markTableFrom = 3;
const listNames: readonly string[] = Object.keys(lists);

/** A sum of postings that does not depend on their order. */
class PostingSum {
  count = 0;
  private low = 0;
  private high = 0;
  private static readonly id = new BigInt64Array(1);
  private static readonly words = new Uint32Array(PostingSum.id.buffer);

  add(key: number, id: bigint): void {
    const { words } = PostingSum;
    PostingSum.id[0] = id;
    const first = mix(key ^ mix((words[0] ?? 0) ^ mix(words[1] ?? 0)));
    this.low = (this.low + first) >>> 0;
    this.high = (this.high + mix(first ^ 0x9e3779b9 ^ key)) >>> 0;
    this.count++;
  }

  equals(other: PostingSum): boolean {
    return this.count === other.count && this.low === other.low && this.high === other.high;
  }
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

interface IndexReport {
  readonly runs: number;
  /** Messages of the log that the runs cover. */
  readonly messages: number;
  /** Sentences; none: the index is right. */
  readonly problems: readonly string[];
}

/** Throws IndexDamage where the index cannot be read, LogDamage where the log cannot. */
export function checkIndex(log: Database, index: Database, nowMs: number, progress: Progress): IndexReport {
  const runs = guarded(() => {
    const list = new RunList(index, [lists.received, lists.keyed]);
    list.refresh();
    return list;
  });
  const oldest = log.query<{ id: bigint | null }, []>("SELECT min(id) AS id FROM message").get()?.id ?? 0n;
  const last = log.query<{ last_id: bigint }, []>("SELECT last_id FROM sequence").get()?.last_id ?? 0n;
  // Merges leave out what is older: by the marks, and those of a store of an earlier schema by the clock. Ids may be ahead
  // of the clock; the newest one then bounds what the clock of such a merge said.
  const clockFrom = smallestIdAt(Math.max(nowMs, timeOfId(last)) - idempotencyHours * 3_600_000);
  const marksFrom = guardedLog(() => keyedUpToOf(log)) + 1n;
  const keyedFrom = clockFrom > marksFrom ? clockFrom : marksFrom;
  const follower = new LogFollower(log, allLists);
  const problems: string[] = [];
  const total = runs.runs.reduce((sum, run) => sum + run.messages, 0);
  let messages = 0;
  let after = 0n;
  for (const run of runs.runs) {
    if (run.lastId <= after) problems.push(`run ${run.number} overlaps with the one before it`);
    const isCounted = (list: List, id: bigint): boolean => id >= oldest && (list !== lists.keyed || id >= keyedFrom);
    const wanted = allLists.map(() => new PostingSum());
    const found = allLists.map(() => new PostingSum());
    for (const list of allLists) problems.push(...guarded(() => sumRun(run, list, after, isCounted, found[list])));
    const before = messages;
    messages += sumLog(follower, after, run.lastId, isCounted, wanted, (done) =>
      progress((before + done) / Math.max(1, total)),
    );
    for (const list of allLists) {
      const [inLog, inRun] = [wanted[list], found[list]];
      if (inLog === undefined || inRun === undefined || inLog.equals(inRun)) continue;
      problems.push(
        `of the messages with ids ${after + 1n} to ${run.lastId} the list "${listNames[list]}" holds ` +
          `${inRun.count} postings, and the log has ${inLog.count}`,
      );
    }
    after = run.lastId;
  }
  if (after !== runs.flushedId && runs.runs.length > 0 && after > runs.flushedId)
    problems.push("the runs go further than the index says");
  return { runs: runs.runs.length, messages, problems };
}

/** Messages up to this id are too old for a retry; 0n if none are known to be, or the schema has no marks yet. */
function keyedUpToOf(log: Database): bigint {
  return pragmaNumber(log, "user_version") < markTableFrom ? 0n : new Marks(log).keyedUpTo();
}

/** Sums up one list of a run and looks whether it is in order. */
function sumRun(
  run: Run,
  list: List,
  after: bigint,
  isCounted: (list: List, id: bigint) => boolean,
  sum: PostingSum | undefined,
): string[] {
  let lastKey = -1;
  let lastId = 0n;
  for (let ordinal = 0; ordinal < run.blockCount(list); ordinal++) {
    const { keys, ids } = run.block(list, ordinal);
    if (!run.begins(list, ordinal, keys[0] ?? -1, ids[0] ?? 0n))
      throw new IndexDamage(`run ${run.number} has a wrong fence`);
    for (const [at, key] of keys.entries()) {
      const id = ids[at] ?? 0n;
      const isRising = key > lastKey || (key === lastKey && id > lastId);
      if (!isRising || id <= after || id > run.lastId) return [`run ${run.number} is not in order`];
      if (key !== lastKey && !run.mayHave(list, key)) return [`run ${run.number} hides the key ${key}`];
      if (isCounted(list, id)) sum?.add(key, id);
      lastKey = key;
      lastId = id;
    }
  }
  return [];
}

/** Sums up the messages above `after`, up to `until`; returns how many there are. */
function sumLog(
  follower: LogFollower,
  after: bigint,
  until: bigint,
  isCounted: (list: List, id: bigint) => boolean,
  sums: readonly PostingSum[],
  done: (messages: number) => void,
): number {
  let messages = 0;
  for (let last = after, isOver = false; !isOver;) {
    const taken = follower.follow(last, chunkMessages, ({ id, received, sent, keyed }) => {
      last = id;
      if (id > until) return;
      messages++;
      if (isCounted(lists.received, id)) sums[lists.received]?.add(received, id);
      if (isCounted(lists.sent, id)) sums[lists.sent]?.add(sent, id);
      if (keyed !== undefined && isCounted(lists.keyed, id)) sums[lists.keyed]?.add(keyed, id);
    });
    isOver = taken < chunkMessages || last >= until;
    done(messages);
  }
  return messages;
}
