// Lookups for lists and histories of conversations, over the memtable and the runs of one snapshot. They read blocks as
// their caller goes on, and pass over runs whose range of ids or whose filter excludes the conversation.

import type { Entry, Memtable } from "./memtable.ts";
import { lists, pairHash, receivedKey, sentKey, type List } from "./posting.ts";
import type { Run, Span } from "./run.ts";

const idEnd = 2n ** 63n - 1n;
const wordLast = 0xffff_ffff;

/** What lookups read. */
export interface Snapshot {
  /** Oldest first. */
  readonly runs: readonly Run[];
  readonly memtable: Memtable;
  /** Messages up to this id are in runs; the memtable may have some of them, too. */
  readonly flushedId: bigint;
  /** The oldest message that is kept; runs may list older ones. */
  readonly oldestId: bigint;
}

/** The messages to an inbox, or of one account to another: a list and a key in it. */
export interface Series {
  readonly list: List;
  readonly key: number;
  /** The receiver in the list `pair`. */
  readonly second: number;
}

/** An open interval of ids. */
interface Interval {
  readonly after: bigint;
  readonly until: bigint;
}

/** Yields the ids of a series below an id, newest first. */
export function* newestFirst(snapshot: Snapshot, series: Series, below: bigint): Generator<bigint, void, void> {
  const interval = kept(snapshot, { after: 0n, until: below });
  for (const { generation, at } of entriesOf(snapshot, series, interval)) {
    const id = generation.ids[at] ?? 0n;
    if (id < below) yield id;
  }
  for (const { postings, from, to } of spansBackward(snapshot, series, interval)) {
    for (let at = to - 1; at >= from; at--) yield postings.ids[at] ?? 0n;
  }
}

/** Yields the ids of a series above an id, oldest first. */
export function* oldestFirst(snapshot: Snapshot, series: Series, above: bigint): Generator<bigint, void, void> {
  const { list, key, second } = series;
  const interval = kept(snapshot, { after: above, until: idEnd });
  for (const run of runsOf(snapshot, series, interval).toReversed()) {
    const spans = run.spansForward(list, { key, second, id: interval.after }, { key, second, id: idEnd });
    for (const { postings, from, to } of spans) for (let at = from; at < to; at++) yield postings.ids[at] ?? 0n;
  }
  yield* snapshot.memtable.oldestFirst(list, key, second, unflushed(snapshot, interval));
}

/** Counts the ids of a series in an interval, at most `atMost`. */
export function countBetween(snapshot: Snapshot, series: Series, asked: Interval, atMost: number): number {
  const interval = kept(snapshot, asked);
  let count = 0;
  for (const { generation, at } of entriesOf(snapshot, series, interval)) {
    if ((generation.ids[at] ?? 0n) < interval.until && ++count >= atMost) return atMost;
  }
  for (const { from, to } of spansBackward(snapshot, series, interval)) {
    count += to - from;
    if (count >= atMost) return atMost;
  }
  return count;
}

/** Counts the messages to an inbox in an interval that `withoutSender` did not send, at most `atMost`. */
export function countOthers(
  snapshot: Snapshot,
  inbox: bigint,
  withoutSender: number,
  asked: Interval,
  atMost: number,
): number {
  const interval = kept(snapshot, asked);
  const series = { list: lists.received, key: receivedKey(inbox), second: 0 };
  let count = 0;
  for (const { generation, at } of entriesOf(snapshot, series, interval)) {
    if (generation.sender(at) === withoutSender || (generation.ids[at] ?? 0n) >= interval.until) continue;
    if (++count >= atMost) return atMost;
  }
  for (const { postings, from, to } of spansBackward(snapshot, series, interval)) {
    for (let at = from; at < to; at++) if (postings.seconds[at] !== withoutSender) count++;
    if (count >= atMost) return atMost;
  }
  return count;
}

/** What was counted of the messages to an account, newest first. */
export interface SenderCounts {
  readonly bySender: ReadonlyMap<number, number>;
  /** Messages above this id are counted. */
  readonly above: bigint;
}

/**
 * Counts the direct messages to an account by senders, of each those above its id in `afters`; about `postingsMax`
 * messages are read. For many senders this reads far fewer blocks than the list `pair`, which is in the order of
 * senders.
 */
export function countBySender(
  snapshot: Snapshot,
  account: number,
  afters: ReadonlyMap<number, bigint>,
  postingsMax: number,
): SenderCounts {
  const bySender = new Map<number, number>();
  if (afters.size === 0) return { bySender, above: idEnd };
  const lowest = afters.values().reduce((low, after) => (after < low ? after : low), idEnd);
  const interval = kept(snapshot, { after: lowest, until: idEnd });
  const series = { list: lists.received, key: receivedKey(BigInt(account)), second: 0 };
  const add = (sender: number): unknown => bySender.set(sender, (bySender.get(sender) ?? 0) + 1);
  let read = 0;
  for (const { generation, at } of entriesOf(snapshot, series, interval)) {
    const sender = generation.sender(at);
    const after = afters.get(sender);
    const id = generation.ids[at] ?? 0n;
    if (after !== undefined && id > after) add(sender);
    if (++read >= postingsMax) return { bySender, above: id - 1n };
  }
  for (const { postings, from, to } of spansBackward(snapshot, series, interval)) {
    const { ids, seconds } = postings;
    const first = ids[from] ?? 0n;
    for (let at = to - 1; at >= from; at--) {
      const sender = seconds[at] ?? 0;
      const after = afters.get(sender);
      // Nearly all spans are above what was read last, and need no ids.
      if (after !== undefined && (after < first || (ids[at] ?? 0n) > after)) add(sender);
    }
    read += to - from;
    if (read >= postingsMax) return { bySender, above: first - 1n };
  }
  return { bySender, above: lowest };
}

/** Returns the accounts that `account` exchanged direct messages with, and the newest id in either direction. */
export function partnersOf(snapshot: Snapshot, account: number): Map<number, bigint> {
  const { memtable, runs, oldestId } = snapshot;
  const partners = new Partners();
  const above = unflushed(snapshot, { after: oldestId - 1n, until: idEnd });
  for (const { generation, at } of memtable.entries(lists.received, receivedKey(BigInt(account)), 0, above))
    partners.offer(generation.sender(at), generation.ids, at);
  partners.endDirection();
  for (const { generation, at } of memtable.entries(lists.sent, sentKey(BigInt(account)), 0, above)) {
    const receiver = generation.receiver(at);
    if (receiver > 0) partners.offer(receiver, generation.ids, at);
  }
  partners.endSource();
  for (let last = runs.length - 1; last >= 0; last--) {
    const run = runs[last];
    if (run === undefined || run.lastId < oldestId) break;
    // Only one run may have older messages, too.
    const hasDeleted = (runs[last - 1]?.lastId ?? 0n) < oldestId;
    partnersIn(run, account, hasDeleted ? oldestId : 0n, partners);
  }
  return partners.found;
}

/** Takes in the partners of a run: those of the list `peers`, or, if it does not cover the account, of its messages. */
function partnersIn(run: Run, account: number, oldestId: bigint, partners: Partners): void {
  const isCovered = offerSpans(run, lists.peers, account, oldestId, partners);
  if (isCovered) partners.endSource();
  else if (run.level === 0) offerMessages(run, account, oldestId, partners);
}

/** Takes in the partners of an account's messages in a run, without its list `peers`. */
export function offerMessages(run: Run, account: number, oldestId: bigint, partners: Partners): void {
  const key = receivedKey(BigInt(account));
  if (run.mayHave(lists.received, key)) offerSpans(run, lists.received, key, oldestId, partners);
  partners.endDirection();
  offerSpans(run, lists.pair, account, oldestId, partners);
  partners.endSource();
}

/** Offers the second words of all postings under a key, of each its newest id first; returns whether there are any. */
function offerSpans(run: Run, list: List, key: number, oldestId: bigint, partners: Partners): boolean {
  let isFound = false;
  const spans = run.spansBackward(list, { key, second: 0, id: 0n }, { key, second: wordLast, id: idEnd });
  for (const { postings, from, to } of spans) {
    isFound = true;
    for (let at = to - 1; at >= from; at--) {
      if (oldestId > 0n && (postings.ids[at] ?? 0n) < oldestId) continue;
      partners.offer(postings.seconds[at] ?? 0, postings.ids, at);
    }
  }
  return isFound;
}

/**
 * Partners and the newest id of each. Sources (the memtable, each run) come newest first, each in one or two
 * directions, and each of these has a partner's newest id first; so that few ids are read.
 */
export class Partners {
  readonly found = new Map<number, bigint>();
  /** What the current source has and newer ones have not. */
  private readonly inSource = new Map<number, bigint>();
  private readonly inDirection = new Set<number>();

  offer(partner: number, ids: BigInt64Array, at: number): void {
    if (this.found.has(partner) || this.inDirection.has(partner)) return;
    this.inDirection.add(partner);
    const id = ids[at] ?? 0n;
    const other = this.inSource.get(partner);
    if (other === undefined || other < id) this.inSource.set(partner, id);
  }

  endDirection(): void {
    this.inDirection.clear();
  }

  endSource(): void {
    for (const [partner, id] of this.inSource) this.found.set(partner, id);
    this.inSource.clear();
    this.inDirection.clear();
  }
}

/** The part of an interval whose messages are kept. */
function kept({ oldestId }: Snapshot, { after, until }: Interval): Interval {
  return { after: after < oldestId ? oldestId - 1n : after, until };
}

/** The id above which the memtable is searched. */
function unflushed({ flushedId }: Snapshot, { after }: Interval): bigint {
  return after > flushedId ? after : flushedId;
}

function entriesOf(
  snapshot: Snapshot,
  { list, key, second }: Series,
  interval: Interval,
): Generator<Entry, void, void> {
  return snapshot.memtable.entries(list, key, second, unflushed(snapshot, interval));
}

/** Returns the runs that may have ids of the series in the interval, newest first. */
function runsOf({ runs }: Snapshot, { list, key, second }: Series, { after, until }: Interval): Run[] {
  const word = list === lists.pair ? pairHash(key, second) : key;
  const found: Run[] = [];
  for (let at = runs.length - 1; at >= 0; at--) {
    const run = runs[at];
    if (run === undefined || run.lastId <= after) break;
    if (at > 0 && (runs[at - 1]?.lastId ?? 0n) + 1n >= until) continue;
    if (run.mayHave(list, word)) found.push(run);
  }
  return found;
}

function* spansBackward(snapshot: Snapshot, series: Series, interval: Interval): Generator<Span, void, void> {
  const { list, key, second } = series;
  const { after, until } = interval;
  for (const run of runsOf(snapshot, series, interval))
    yield* run.spansBackward(list, { key, second, id: after }, { key, second, id: until });
}
