// The memtable: the end of the log that is in no run yet, in memory, as chains of postings by key. A thread's memtable
// follows the log: it takes in what any process has committed since the last time.
//
// Messages are stored in generations of a fixed size, so that flushed messages are dropped by the thousand. Invariant:
// the memtable holds every message above the last flushed id as of the last drop.

import type { Database } from "bun:sqlite";
import { guardedLog, LogReplaced } from "../damage.ts";
import {
  allLists,
  keysOf,
  lists,
  pairHash,
  postedColumns,
  receiverOf,
  type List,
  type MessageKeys,
  type PostedRow,
} from "./posting.ts";

const generationMessages = 1 << 15;
/** Twice as many buckets as messages, so that most lookups end at an empty one. */
const bucketBits = 16;
/** Rows to read at once: they are objects temporarily. */
const followRowsMax = 2_048;

/** One list of one generation: a hash table of chains, newest message first. */
class Chains {
  private readonly heads = new Int32Array(1 << bucketBits).fill(-1);
  readonly keys = new Uint32Array(generationMessages);
  private readonly before = new Int32Array(generationMessages);

  add(key: number, position: number): void {
    const bucket = this.bucket(key);
    this.keys[position] = key;
    this.before[position] = this.heads[bucket] ?? -1;
    this.heads[bucket] = position;
  }

  /** Returns the position of the newest message with this key, or -1. */
  newest(key: number): number {
    return this.skipOthers(key, this.heads[this.bucket(key)] ?? -1);
  }

  next(key: number, position: number): number {
    return this.skipOthers(key, this.before[position] ?? -1);
  }

  private skipOthers(key: number, from: number): number {
    let at = from;
    while (at >= 0 && this.keys[at] !== key) at = this.before[at] ?? -1;
    return at;
  }

  private bucket(key: number): number {
    return Math.imul(key, 0x9e3779b1) >>> (32 - bucketBits);
  }
}

class Generation {
  count = 0;
  readonly ids = new BigInt64Array(generationMessages);
  readonly chains: readonly (Chains | undefined)[];
  /** The last answer of `positionAbove`, which stays right: messages are added in the order of ids. */
  private asked = { id: 0n, position: 0 };

  constructor(kept: readonly List[]) {
    const isChained = (list: List): boolean => kept.includes(list) && list !== lists.peers;
    this.chains = allLists.map((list) => (isChained(list) ? new Chains() : undefined));
  }

  get isFull(): boolean {
    return this.count === generationMessages;
  }

  get lastId(): bigint {
    return this.ids[this.count - 1] ?? 0n;
  }

  add({ id, received, sent, keyed }: MessageKeys): void {
    const position = this.count++;
    this.ids[position] = id;
    this.chains[lists.received]?.add(received, position);
    this.chains[lists.sent]?.add(sent, position);
    if (keyed !== undefined) this.chains[lists.keyed]?.add(keyed, position);
    const receiver = receiverOf(received);
    if (receiver > 0) this.chains[lists.pair]?.add(pairHash(sent, receiver), position);
  }

  /** Yields the positions of messages under a key, newest first, down to `first`. */
  *newestFirst(list: List, key: number, second: number, first: number): Generator<number, void, void> {
    const chains = this.chains[list];
    if (chains === undefined) return;
    const word = list === lists.pair ? pairHash(key, second) : key;
    for (let at = chains.newest(word); at >= first; at = chains.next(word, at)) {
      // Pairs may share a hash.
      if (list !== lists.pair || (this.sender(at) === key && this.receiver(at) === second)) yield at;
    }
  }

  /** Returns the first position of a message above an id. Lookups of one snapshot ask for the same id. */
  positionAbove(id: bigint): number {
    if (this.asked.id !== id) this.asked = { id, position: this.findAbove(id) };
    return this.asked.position;
  }

  private findAbove(id: bigint): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ids[middle] ?? 0n) <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The number of a message's sender, if the list `sent` is kept. */
  sender(position: number): number {
    return this.chains[lists.sent]?.keys[position] ?? 0;
  }

  receiver(position: number): number {
    return receiverOf(this.chains[lists.received]?.keys[position] ?? 0);
  }
}

/** A message: a position in a generation. */
export interface Entry {
  readonly generation: Generation;
  readonly at: number;
}

export class Memtable {
  /** The last message taken in; older messages that are not in the memtable are in runs. */
  lastId = 0n;
  private readonly kept: readonly List[];
  private generations: Generation[] = [];

  constructor(kept: readonly List[]) {
    this.kept = kept;
  }

  /** The number of messages held; some may be flushed already. */
  get messages(): number {
    let messages = 0;
    for (const { count } of this.generations) messages += count;
    return messages;
  }

  add(message: MessageKeys): void {
    let newest = this.generations.at(-1);
    if (newest === undefined || newest.isFull) {
      newest = new Generation(this.kept);
      this.generations.push(newest);
    }
    newest.add(message);
    this.lastId = message.id;
  }

  drop(flushedId: bigint): void {
    const keptFrom = this.generations.findIndex((generation) => generation.lastId > flushedId);
    this.generations.splice(0, keptFrom < 0 ? this.generations.length : keptFrom);
    if (this.lastId < flushedId) this.lastId = flushedId;
  }

  /** Yields ids under a key, newest first; not for the list `pair`. */
  *newestFirst(list: List, key: number): Generator<bigint, void, void> {
    for (let last = this.generations.length - 1; last >= 0; last--) {
      const generation = this.generations[last];
      const chains = generation?.chains[list];
      if (generation === undefined || chains === undefined) continue;
      for (let at = chains.newest(key); at >= 0; at = chains.next(key, at)) yield generation.ids[at] ?? 0n;
    }
  }

  /**
   * Yields the messages above an id under a key, newest first. `second` is the receiver in the list `pair`, which needs
   * the lists `sent` and `received`, too. The object that it yields is reused.
   */
  *entries(list: List, key: number, second: number, above: bigint): Generator<Entry, void, void> {
    for (let last = this.generations.length - 1; last >= 0; last--) {
      const generation = this.generations[last];
      if (generation === undefined || generation.lastId <= above) return;
      const entry = { generation, at: 0 };
      for (entry.at of generation.newestFirst(list, key, second, generation.positionAbove(above))) yield entry;
    }
  }

  /** Yields the ids of those messages, oldest first. */
  *oldestFirst(list: List, key: number, second: number, above: bigint): Generator<bigint, void, void> {
    for (const generation of this.generations) {
      if (generation.lastId <= above) continue;
      const found = [...generation.newestFirst(list, key, second, generation.positionAbove(above))];
      for (const at of found.toReversed()) yield generation.ids[at] ?? 0n;
    }
  }

  /** See PostingSource; `withoutSender` needs the list `sent`. */
  idsBetween(list: List, key: number, after: bigint, until: bigint, count: number, withoutSender = 0): bigint[] {
    const found: bigint[] = [];
    for (const { generation, at } of this.entries(list, key, 0, after)) {
      const id = generation.ids[at] ?? 0n;
      if (id < until && (withoutSender === 0 || generation.sender(at) !== withoutSender)) found.push(id);
    }
    found.reverse();
    if (found.length > count) found.length = count;
    return found;
  }
}

export class LogFollower {
  private readonly rows;
  private readonly message;
  private readonly end;

  constructor(log: Database, wanted: readonly List[]) {
    this.message = log.prepare<{ one: bigint }, [bigint]>("SELECT 1 AS one FROM message WHERE id = ?");
    this.end = log.prepare<{ oldest: bigint | null; last_id: bigint }, []>(
      "SELECT (SELECT id FROM message ORDER BY id LIMIT 1) AS oldest, last_id FROM sequence",
    );
    this.rows = log.prepare<PostedRow, [bigint, number]>(
      `SELECT ${postedColumns(wanted)} FROM message WHERE id > ? ORDER BY id LIMIT +?`,
    );
  }

  /** The oldest message that is kept; undefined if there is none. */
  oldestId(): bigint | undefined {
    return guardedLog(() => this.end.get()?.oldest ?? undefined);
  }

  /**
   * Throws LogReplaced unless the log has the message `id`, which was read from it, or has deleted it since. If it has,
   * it also has all earlier commits: ids are unique.
   */
  requireMessage(id: bigint): void {
    guardedLog(() => {
      if (id === 0n || this.message.get(id) !== null) return;
      const end = this.end.get();
      const isDeleted = end !== null && (end.oldest === null ? id <= end.last_id : id < end.oldest);
      if (!isDeleted)
        throw new LogReplaced("the message store was replaced while it was open: a message that was read is missing");
    });
  }

  /** Passes messages above `after` to `take` in the order of commits, at most `count`; returns their number. */
  follow(after: bigint, count: number, take: (message: MessageKeys) => void): number {
    let taken = 0;
    for (let last = after; taken < count;) {
      const asked = Math.min(followRowsMax, count - taken);
      const rows = guardedLog(() => this.rows.all(last, asked));
      for (const row of rows) take(keysOf(row));
      taken += rows.length;
      if (rows.length < asked) break;
      last = rows.at(-1)?.id ?? last;
    }
    return taken;
  }
}
