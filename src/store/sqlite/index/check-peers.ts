// Checks the list `peers` of a run against its list `pair`, which check-index.ts compares with the log.

import { offerMessages, Partners } from "./conversations.ts";
import { busyMessages } from "./peer-list.ts";
import { lists, receiverOf, type List } from "./posting.ts";
import { PostingSum } from "./posting-sum.ts";
import type { Run } from "./run.ts";

interface Posting {
  key: number;
  second: number;
  id: bigint;
}

/** Returns what is wrong, if anything. Both lists are in order. */
export function problemOfPeers(run: Run): string | undefined {
  const isRight = run.level === 0 ? isFlushedRight(run) : isMergedRight(run);
  return isRight ? undefined : `the list "peers" of run ${run.number} differs from its list "pair"`;
}

/**
 * In a merged run, every pair must be among the peers, with its newest id or a newer one; and of the two postings of
 * two accounts, which must have the same id, exactly one must have it from its pair. Constant memory suffices for this:
 * the postings are summed by how their words are ordered, and those that match their pair once more.
 */
function isMergedRight(run: Run): boolean {
  const [rising, falling, matched] = [new PostingSum(), new PostingSum(), new PostingSum()];
  const pairs = newestOf(postingsOf(run, lists.pair));
  let pair = pairs.next().value;
  for (const { key, second, id } of postingsOf(run, lists.peers)) {
    if (key <= second) rising.add(key, second, id);
    if (key >= second) falling.add(second, key, id);
    if (pair === undefined) continue;
    const order = pair.key - key || pair.second - second;
    if (order < 0) return false;
    if (order > 0) continue;
    if (pair.id > id) return false;
    if (pair.id === id) matched.add(Math.min(key, second), Math.max(key, second), id);
    pair = pairs.next().value;
  }
  return pair === undefined && rising.equals(falling) && rising.equals(matched);
}

/** In a flushed run, busy accounts must be covered, and of each account that is, all partners. */
function isFlushedRight(run: Run): boolean {
  const covered = new Map<number, Map<number, bigint>>();
  for (const { key, second, id } of postingsOf(run, lists.peers))
    covered.getOrInsertComputed(key, () => new Map()).set(second, id);
  for (const [account, found] of covered) {
    const expected = new Partners();
    offerMessages(run, account, 0n, expected);
    if (expected.found.size !== found.size) return false;
    for (const [partner, id] of expected.found) if (found.get(partner) !== id) return false;
  }
  const isCovered = (account: number): boolean => covered.has(account);
  return (
    [...busyIn(run, lists.received)].map(receiverOf).filter(Boolean).every(isCovered) &&
    [...busyIn(run, lists.pair)].every(isCovered)
  );
}

/** Yields keys with more than `busyMessages` postings. */
function* busyIn(run: Run, list: List): Generator<number, void, void> {
  let [last, count] = [-1, 0];
  for (const { key } of postingsOf(run, list)) {
    count = key === last ? count + 1 : 1;
    last = key;
    if (count === busyMessages + 1) yield key;
  }
}

/** Yields the postings of a list in order. The object is reused. */
function* postingsOf(run: Run, list: List): Generator<Posting, undefined, void> {
  const posting = { key: 0, second: 0, id: 0n };
  for (let ordinal = 0; ordinal < run.blockCount(list); ordinal++) {
    const { keys, seconds, ids } = run.block(list, ordinal);
    for (let at = 0; at < keys.length; at++) {
      posting.key = keys[at] ?? 0;
      posting.second = seconds[at] ?? 0;
      posting.id = ids[at] ?? 0n;
      yield posting;
    }
  }
  return undefined;
}

/** Yields each pair once, with its newest id. */
function* newestOf(postings: Iterable<Posting>): Generator<Posting, undefined, void> {
  let newest: Posting | undefined;
  for (const { key, second, id } of postings) {
    if (newest !== undefined && (newest.key !== key || newest.second !== second)) yield newest;
    newest = { key, second, id };
  }
  if (newest !== undefined) yield newest;
  return undefined;
}
