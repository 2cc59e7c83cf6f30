// Compares the index with its log: every message must be found under each of its keys, and nothing else. Both sides are
// reduced to sums of the postings of a run (posting-sum.ts). The list `peers` is compared with the list `pair`.
//
// The caller provides both snapshots, the index's the older one, so that the index is never ahead of its log.

import type { Database } from "bun:sqlite";
import { idempotencyHours } from "../../../base/limits/fixed.ts";
import { smallestIdAt, timeOfId } from "../../snowflake.ts";
import { guarded, guardedLog, IndexDamage } from "../damage.ts";
import { Marks } from "../marks.ts";
import { problemOfPeers } from "./check-peers.ts";
import { allLists, isPaired, lists, pairHash, receiverOf, type List } from "./posting.ts";
import { PostingSum } from "./posting-sum.ts";
import { RunList, type Run } from "./run.ts";
import { pragmaNumber } from "../schema.ts";
import { LogFollower } from "./memtable.ts";

/** Receives the part of the check that is complete, 0 to 1. */
export type Progress = (part: number) => void;

const chunkMessages = 4_096;
/** The first schema with the table of the marks. */
const markTableFrom = 3;
/** The lists that a message determines by itself. */
const loggedLists = allLists.filter((list) => list !== lists.peers);
const listNames: readonly string[] = Object.keys(lists);

interface IndexReport {
  readonly runs: number;
  readonly messages: number;
  readonly problems: readonly string[];
}

/** Throws IndexDamage if the index cannot be read, LogDamage if the log cannot. */
export function checkIndex(log: Database, index: Database, nowMs: number, progress: Progress): IndexReport {
  const runs = guarded(() => {
    const list = new RunList(index, allLists);
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
    const disordered = guarded(() => allLists.flatMap((list) => sumRun(run, list, after, isCounted, found[list])));
    problems.push(...disordered);
    const peersProblem = disordered.length > 0 ? undefined : guarded(() => problemOfPeers(run));
    if (peersProblem !== undefined) problems.push(peersProblem);
    const before = messages;
    messages += sumLog(follower, after, run.lastId, isCounted, wanted, (done) =>
      progress((before + done) / Math.max(1, total)),
    );
    for (const list of loggedLists) {
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
  let last = { key: -1, second: 0, id: 0n };
  for (let ordinal = 0; ordinal < run.blockCount(list); ordinal++) {
    const { keys, seconds, ids } = run.block(list, ordinal);
    if (!run.begins(list, ordinal, { key: keys[0] ?? -1, second: seconds[0] ?? 0, id: ids[0] ?? 0n }))
      throw new IndexDamage(`run ${run.number} has a wrong fence`);
    for (const [at, key] of keys.entries()) {
      const [second, id] = [seconds[at] ?? 0, ids[at] ?? 0n];
      const order = key - last.key || (isPaired(list) ? second - last.second : 0);
      const isRising = order > 0 || (order === 0 && list !== lists.peers && id > last.id);
      if (!isRising || id <= after || id > run.lastId) return [`run ${run.number} is not in order`];
      if (order > 0 && !run.mayHave(list, list === lists.pair ? pairHash(key, second) : key))
        return [`the filter of run ${run.number} lacks the key ${key}`];
      if (isCounted(list, id)) sum?.add(key, second, id);
      last = { key, second, id };
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
      const receiver = receiverOf(received);
      if (isCounted(lists.received, id)) sums[lists.received]?.add(received, sent, id);
      if (isCounted(lists.sent, id)) sums[lists.sent]?.add(sent, 0, id);
      if (keyed !== undefined && isCounted(lists.keyed, id)) sums[lists.keyed]?.add(keyed, 0, id);
      if (receiver > 0 && isCounted(lists.pair, id)) sums[lists.pair]?.add(sent, receiver, id);
    });
    isOver = taken < chunkMessages || last >= until;
    done(messages);
  }
  return messages;
}
