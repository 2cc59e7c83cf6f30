// Reads runs. All reads belong to one snapshot of the index: the caller has begun a transaction and refreshed the list.

import type { Database } from "bun:sqlite";
import { BloomFilter } from "./bloom-filter.ts";
import { guarded, IndexDamage } from "../damage.ts";
import { lists, type List } from "./posting.ts";
import { blockNumber, postingsBefore, runChecksums, unpackPostings, type Postings } from "./run-block.ts";

const cachedBlocksMax = 1_024;
/** The first three blobs of a run are fences. */
const filtersFrom = 3;

interface BlockRow {
  readonly postings: Uint8Array;
  readonly crc: bigint;
}

class Blocks {
  private readonly cached = new Map<number, Postings>();
  private readonly select;

  constructor(index: Database) {
    this.select = index.prepare<BlockRow, [number]>("SELECT postings, crc FROM block WHERE number = ?");
  }

  get(number: number): Postings {
    const known = this.cached.get(number);
    if (known !== undefined) return known;
    const row = guarded(() => this.select.get(number));
    if (row === null) throw new IndexDamage(`block ${number} of the index is missing`);
    if (!isBlob(row.postings) || BigInt(Bun.hash.crc32(row.postings)) !== row.crc)
      throw new IndexDamage(`block ${number} of the index is damaged`);
    const postings = unpack(row.postings);
    // Cleared as a whole: simpler than LRU, and as good for reads that are spread over all runs.
    if (this.cached.size >= cachedBlocksMax) this.cached.clear();
    this.cached.set(number, postings);
    return postings;
  }
}

interface RunRow {
  readonly number: bigint;
  readonly level: bigint;
  readonly last_id: bigint;
  readonly messages: bigint;
  readonly fences_received: Uint8Array;
  readonly fences_sent: Uint8Array;
  readonly fences_keyed: Uint8Array;
  readonly filter_received: Uint8Array;
  readonly filter_keyed: Uint8Array;
  readonly crcs: Uint8Array;
}

export class Run {
  readonly number: number;
  readonly level: number;
  readonly lastId: bigint;
  readonly messages: number;
  private readonly blocks: Blocks;
  /** The first posting of each block, by list. */
  private readonly fences: readonly Postings[];
  private readonly filters: (BloomFilter | undefined)[];

  constructor(row: RunRow, blocks: Blocks) {
    this.number = Number(row.number);
    this.level = Number(row.level);
    this.lastId = row.last_id;
    this.messages = Number(row.messages);
    this.blocks = blocks;
    this.fences = [unpack(row.fences_received), unpack(row.fences_sent), unpack(row.fences_keyed)];
    this.filters = [filter(row.filter_received), undefined, filter(row.filter_keyed)];
  }

  /** Returns false if no posting of this list has this key. */
  mayHave(list: List, key: number): boolean {
    return this.filters[list]?.mayHave(key) ?? true;
  }

  /** Frees the filter of (sender, clientId), once it is not needed any more. */
  forgetKeyed(): void {
    this.filters[lists.keyed] = undefined;
  }

  blockCount(list: List): number {
    return this.fences[list]?.keys.length ?? 0;
  }

  /** Reports whether the block begins with this posting according to its fence. */
  begins(list: List, ordinal: number, key: number, id: bigint): boolean {
    const fences = this.fences[list];
    return fences?.keys[ordinal] === key && fences.ids[ordinal] === id;
  }

  block(list: List, ordinal: number): Postings {
    return this.blocks.get(blockNumber(this.number, list, ordinal));
  }

  /** Returns ascending ids under a key between `after` and `until`, both exclusive; at most `count`. */
  idsBetween(list: List, key: number, after: bigint, until: bigint, count: number): bigint[] {
    const found: bigint[] = [];
    const fences = this.fences[list];
    if (fences === undefined || !this.mayHave(list, key)) return found;
    for (let ordinal = Math.max(0, postingsBefore(fences, key, after, true) - 1); ; ordinal++) {
      if ((fences.keys[ordinal] ?? Infinity) > key) return found;
      const { keys, ids } = this.block(list, ordinal);
      for (let at = postingsBefore({ keys, ids }, key, after, true); at < keys.length; at++) {
        const id = ids[at] ?? 0n;
        if (keys[at] !== key || id >= until || found.length === count) return found;
        found.push(id);
      }
    }
  }

  /** Returns the newest id under a key below `below`, or 0n. */
  newestBelow(list: List, key: number, below: bigint): bigint {
    const fences = this.fences[list];
    if (fences === undefined || !this.mayHave(list, key)) return 0n;
    const ordinal = postingsBefore(fences, key, below, false) - 1;
    if (ordinal < 0) return 0n;
    const block = this.block(list, ordinal);
    const at = postingsBefore(block, key, below, false) - 1;
    return block.keys[at] === key ? (block.ids[at] ?? 0n) : 0n;
  }
}

export class RunList {
  runs: readonly Run[] = [];
  /** Messages up to this id are in runs. */
  flushedId = 0n;
  private readonly blocks: Blocks;
  private readonly state;
  private readonly numbers;
  private readonly select;
  private version = -1n;

  /** Loads filters of the lists in `filtered`, of received and keyed; without a filter, any key may be present. */
  constructor(index: Database, filtered: readonly List[]) {
    const filterOf = (list: List, column: string): string => (filtered.includes(list) ? column : `x'' AS ${column}`);
    this.blocks = new Blocks(index);
    this.state = index.prepare<{ version: bigint; folded_id: bigint }, []>("SELECT version, folded_id FROM state");
    this.numbers = index.prepare<{ number: bigint }, []>("SELECT number FROM run ORDER BY last_id");
    this.select = index.prepare<RunRow, [bigint]>(
      `SELECT number, level, last_id, messages, fences_received, fences_sent, fences_keyed,
              ${filterOf(lists.received, "filter_received")}, ${filterOf(lists.keyed, "filter_keyed")}, crcs
       FROM run WHERE number = ?`,
    );
  }

  /** Updates the list to the transaction's snapshot; returns true if runs have changed. */
  refresh(): boolean {
    return guarded(() => this.refreshNow());
  }

  private refreshNow(): boolean {
    const state = this.state.get();
    if (state === null) throw new IndexDamage("the index has lost its state");
    if (state.version === this.version) return false;
    const known = new Map(this.runs.map((run) => [BigInt(run.number), run]));
    this.runs = this.numbers.all().map(({ number }) => known.get(number) ?? this.load(number));
    this.version = state.version;
    this.flushedId = state.folded_id;
    return true;
  }

  private load(number: bigint): Run {
    const row = this.select.get(number);
    if (row === null) throw new IndexDamage(`run ${number} of the index is missing`);
    verify(row);
    return new Run(row, this.blocks);
  }
}

/** A damaged row may hold any type. */
function isBlob(value: unknown): boolean {
  return value instanceof Uint8Array;
}

/** Throws IndexDamage unless the checksums match. A filter that was not loaded is empty. */
function verify(row: RunRow): void {
  const blobs = [row.fences_received, row.fences_sent, row.fences_keyed, row.filter_received, row.filter_keyed];
  if (![...blobs, row.crcs].every(isBlob)) throw new IndexDamage(`run ${row.number} of the index is damaged`);
  const found = runChecksums(Number(row.level), row.last_id, Number(row.messages), blobs);
  const isRight = (at: number): boolean =>
    row.crcs.subarray(at * 4, at * 4 + 4).every((byte, i) => byte === found[at * 4 + i]);
  const isSame = row.crcs.length === found.length && isRight(0);
  if (!isSame || !blobs.every((blob, at) => isRight(at + 1) || (at >= filtersFrom && blob.length === 0)))
    throw new IndexDamage(`run ${row.number} of the index is damaged`);
}

function unpack(bytes: Uint8Array): Postings {
  const postings = unpackPostings(bytes);
  if (postings === undefined) throw new IndexDamage("postings of the index have a wrong length");
  return postings;
}

function filter(bytes: Uint8Array): BloomFilter | undefined {
  if (bytes.length === 0) return undefined;
  const words = new Uint32Array(bytes.length >>> 2);
  new Uint8Array(words.buffer).set(bytes);
  return new BloomFilter(words);
}
