// Compares the index with its log: every message must be found under each of its keys, and nothing else. Both sides are
// reduced to sums of the postings of a run, which takes constant memory: equal sums mean equal postings, except with a
// probability of 2^-64.
//
// The caller provides both snapshots, the index's the older one, so that the index is never ahead of its log.

import type { Database } from "bun:sqlite";
import { idempotencyHours } from "../../../base/limits/fixed.ts";
import { smallestIdAt, timeOfId } from "../../snowflake.ts";
import { guarded, guardedLog, IndexDamage } from "../damage.ts";
import { Marks } from "../marks.ts";
import { allLists, lists, type List } from "./posting.ts";
import { RunList, type Run } from "./run.ts";
import { pragmaNumber } from "../schema.ts";
import { LogFollower } from "./memtable.ts";

/** Receives the part of the check that is complete, 0 to 1. */
export type Progress = (part: number) => void;

const chunkMessages = 4_096;
/** The first schema with the table of the marks. */
const markTableFrom = 3;
const listNames: readonly string[] = Object.keys(lists);

/** A checksum of postings, independent of their order. */
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
  readonly messages: number;
  readonly problems: readonly string[];
}

/** Throws IndexDamage if the index cannot be read, LogDamage if the log cannot. */
export function checkIndex(log: Database, index: Database, nowMs: number, progress: Progress): IndexReport {
  const runs = guarded(() => {
    const list = new RunList(index, [lists.received, lists.keyed]);
    list.refresh();
    return list;
  });
  const oldest = log.query<{ id: bigint | null }, []>("SELECT min(id) AS id FROM message").get()?.id ?? 0n;
  const last = log.query<{ last_id: bigint }, []>("SELECT last_id FROM sequence").get()?.last_id ?? 0n;
  // Merges omit older keyed postings: by marks, or by the clock in a store of an earlier schema. Ids may be ahead of
  // the clock, so the newest id bounds the clock of such a merge.
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
        `for messages ${after + 1n} to ${run.lastId} the list "${listNames[list]}" has ${inRun.count} postings, ` +
          `and the log has ${inLog.count}`,
      );
    }
    after = run.lastId;
  }
  if (after !== runs.flushedId && runs.runs.length > 0 && after > runs.flushedId)
    problems.push("the runs go beyond the index's last flushed id");
  return { runs: runs.runs.length, messages, problems };
}

/** Messages up to this id are too old to be retried; 0n if unknown, or if the schema has no marks. */
function keyedUpToOf(log: Database): bigint {
  return pragmaNumber(log, "user_version") < markTableFrom ? 0n : new Marks(log).keyedUpTo();
}

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
      if (key !== lastKey && !run.mayHave(list, key)) return [`the filter of run ${run.number} lacks the key ${key}`];
      if (isCounted(list, id)) sum?.add(key, id);
      lastKey = key;
      lastId = id;
    }
  }
  return [];
}

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
