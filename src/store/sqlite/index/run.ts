// Reads runs. All reads belong to one snapshot of the index: the caller has begun a transaction and refreshed the list.

import type { Database } from "bun:sqlite";
import { BloomFilter } from "./bloom-filter.ts";
import { guarded, IndexDamage } from "../damage.ts";
import { pragmaNumber } from "../schema.ts";
import { formerSchemaVersion } from "./index-file.ts";
import { lists, type List } from "./posting.ts";
import { blockNumber, postingsBefore, runChecksums, unpackPostings, type Bound, type Postings } from "./run-block.ts";

const cachedBlocksMax = 1_024;

interface BlockRow {
  readonly postings: Uint8Array;
  readonly crc: bigint;
}

class Blocks {
  private readonly cached = new Map<number, Postings>();
  private readonly select;
  private readonly isFormer: boolean;

  constructor(index: Database, isFormer: boolean) {
    this.isFormer = isFormer;
    this.select = index.prepare<BlockRow, [number]>("SELECT postings, crc FROM block WHERE number = ?");
  }

  /** Frees what SQLite keeps for the lookups, so that closing the connection closes the file. */
  close(): void {
    this.select.finalize();
  }

  get(run: number, list: List, ordinal: number): Postings {
    const number = blockNumber(run, list, ordinal, this.isFormer);
    const known = this.cached.get(number);
    if (known !== undefined) return known;
    const row = guarded(() => this.select.get(number));
    if (row === null) throw new IndexDamage(`block ${number} of the index is missing`);
    if (!isBlob(row.postings) || BigInt(Bun.hash.crc32(row.postings)) !== row.crc)
      throw new IndexDamage(`block ${number} of the index is damaged`);
    const postings = unpack(list, row.postings, this.isFormer);
    // Cleared as a whole: simpler than LRU, and as good for reads that are spread over all runs.
    if (this.cached.size >= cachedBlocksMax) this.cached.clear();
    this.cached.set(number, postings);
    return postings;
  }
}

/** The blobs of lists that are not loaded are empty. */
interface RunRow {
  readonly number: bigint;
  readonly level: bigint;
  readonly last_id: bigint;
  readonly messages: bigint;
  readonly fences_received: Uint8Array;
  readonly fences_sent: Uint8Array;
  readonly fences_keyed: Uint8Array;
  readonly fences_pair: Uint8Array;
  readonly fences_peers: Uint8Array;
  readonly filter_received: Uint8Array;
  readonly filter_keyed: Uint8Array;
  readonly filter_pair: Uint8Array;
  readonly crcs: Uint8Array;
}

/** A part of a block: the postings `from` up to, but not including, `to`. */
export interface Span {
  readonly postings: Postings;
  readonly from: number;
  readonly to: number;
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

  constructor(row: RunRow, blocks: Blocks, isFormer: boolean) {
    this.number = Number(row.number);
    this.level = Number(row.level);
    this.lastId = row.last_id;
    this.messages = Number(row.messages);
    this.blocks = blocks;
    this.fences = fenceColumns.map(({ name, list }) => unpack(list, row[name], isFormer));
    this.filters = [filter(row.filter_received), undefined, filter(row.filter_keyed), filter(row.filter_pair)];
  }

  /** Returns false if no posting of this list has this key; for pairs, their hash. */
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
  begins(list: List, ordinal: number, { key, second, id }: Bound): boolean {
    const fences = this.fences[list];
    if (fences === undefined) return false;
    return fences.keys[ordinal] === key && fences.ids[ordinal] === id && (fences.seconds[ordinal] ?? second) === second;
  }

  block(list: List, ordinal: number): Postings {
    return this.blocks.get(this.number, list, ordinal);
  }

  /** Yields the postings between two positions, both exclusive, block by block, the last block first. */
  *spansBackward(list: List, after: Bound, until: Bound): Generator<Span, void, void> {
    const fences = this.fences[list];
    if (fences === undefined) return;
    for (let ordinal = postingsBefore(list, fences, until, false) - 1; ordinal >= 0; ordinal--) {
      const postings = this.block(list, ordinal);
      const from = postingsBefore(list, postings, after, true);
      const to = postingsBefore(list, postings, until, false);
      if (from < to) yield { postings, from, to };
      if (from > 0) return;
    }
  }

  /** Like spansBackward, the first block first. */
  *spansForward(list: List, after: Bound, until: Bound): Generator<Span, void, void> {
    const fences = this.fences[list];
    if (fences === undefined) return;
    const end = postingsBefore(list, fences, until, false);
    for (let ordinal = Math.max(0, postingsBefore(list, fences, after, true) - 1); ordinal < end; ordinal++) {
      const postings = this.block(list, ordinal);
      const from = postingsBefore(list, postings, after, true);
      const to = postingsBefore(list, postings, until, false);
      if (from < to) yield { postings, from, to };
    }
  }

  /** Returns ascending ids under a key between `after` and `until`, both exclusive; at most `count`. */
  idsBetween(list: List, key: number, after: bigint, until: bigint, count: number, withoutSender = 0): bigint[] {
    const found: bigint[] = [];
    if (!this.mayHave(list, key)) return found;
    const spans = this.spansForward(list, { key, second: 0, id: after }, { key, second: 0, id: until });
    for (const { postings, from, to } of spans) {
      for (let at = from; at < to; at++) {
        if (withoutSender !== 0 && postings.seconds[at] === withoutSender) continue;
        if (found.push(postings.ids[at] ?? 0n) === count) return found;
      }
    }
    return found;
  }

  /** Returns the newest id under a key below `below`, or 0n. */
  newestBelow(list: List, key: number, below: bigint): bigint {
    const fences = this.fences[list];
    if (fences === undefined || !this.mayHave(list, key)) return 0n;
    const until = { key, second: 0, id: below };
    const ordinal = postingsBefore(list, fences, until, false) - 1;
    if (ordinal < 0) return 0n;
    const block = this.block(list, ordinal);
    const at = postingsBefore(list, block, until, false) - 1;
    return block.keys[at] === key ? (block.ids[at] ?? 0n) : 0n;
  }
}

interface BlobColumn {
  readonly name: Exclude<keyof RunRow, "number" | "level" | "last_id" | "messages" | "crcs">;
  readonly list: List;
  /** An index of the former schema has it. */
  readonly isFormer: boolean;
}

const { received, sent, keyed, pair, peers } = lists;
/** In the order of their checksums. */
const fenceColumns: readonly BlobColumn[] = [
  { name: "fences_received", list: received, isFormer: true },
  { name: "fences_sent", list: sent, isFormer: true },
  { name: "fences_keyed", list: keyed, isFormer: true },
  { name: "fences_pair", list: pair, isFormer: false },
  { name: "fences_peers", list: peers, isFormer: false },
];
const filterColumns: readonly BlobColumn[] = [
  { name: "filter_received", list: received, isFormer: true },
  { name: "filter_keyed", list: keyed, isFormer: true },
  { name: "filter_pair", list: pair, isFormer: false },
];
const blobColumns = [...fenceColumns, ...filterColumns];

export class RunList {
  runs: readonly Run[] = [];
  /** Messages up to this id are in runs. */
  flushedId = 0n;
  private readonly blocks: Blocks;
  private readonly state;
  private readonly numbers;
  private readonly select;
  /** The index has the former schema: no lists of pairs and peers. */
  readonly isFormer: boolean;
  private readonly loaded: ReadonlySet<BlobColumn>;
  private version = -1n;

  /**
   * Loads the fences of the lists in `wanted`, and their filters unless `unfiltered`: without a filter, any key may be
   * present. Other lists look empty.
   */
  constructor(index: Database, wanted: readonly List[], unfiltered = false) {
    this.isFormer = guarded(() => pragmaNumber(index, "user_version")) === formerSchemaVersion;
    const isLoaded = (column: BlobColumn): boolean => {
      const isThere = column.isFormer || !this.isFormer;
      return isThere && wanted.includes(column.list) && !(unfiltered && filterColumns.includes(column));
    };
    this.loaded = new Set(blobColumns.filter(isLoaded));
    const selected = blobColumns.map((column) => (this.loaded.has(column) ? column.name : `x'' AS ${column.name}`));
    this.blocks = new Blocks(index, this.isFormer);
    this.state = index.prepare<{ version: bigint; folded_id: bigint }, []>("SELECT version, folded_id FROM state");
    this.numbers = index.prepare<{ number: bigint }, []>("SELECT number FROM run ORDER BY last_id");
    this.select = index.prepare<RunRow, [bigint]>(
      `SELECT number, level, last_id, messages, ${selected.join(", ")}, crcs FROM run WHERE number = ?`,
    );
  }

  /** Call before the connection is closed, which closes the file otherwise when the statements are collected. */
  close(): void {
    this.blocks.close();
    for (const statement of [this.state, this.numbers, this.select]) statement.finalize();
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
    verify(row, this.loaded, this.isFormer);
    return new Run(row, this.blocks, this.isFormer);
  }
}

/** A damaged row may hold any type. */
function isBlob(value: unknown): boolean {
  return value instanceof Uint8Array;
}

/** Throws IndexDamage unless the checksums of the blobs that are loaded match. */
function verify(row: RunRow, loaded: ReadonlySet<BlobColumn>, isFormer: boolean): void {
  const columns = blobColumns.filter((column) => column.isFormer || !isFormer);
  const blobs = columns.map(({ name }) => row[name]);
  if (![...blobs, row.crcs].every(isBlob)) throw new IndexDamage(`run ${row.number} of the index is damaged`);
  const found = runChecksums(Number(row.level), row.last_id, Number(row.messages), blobs);
  const isRight = (at: number): boolean =>
    row.crcs.subarray(at * 4, at * 4 + 4).every((byte, i) => byte === found[at * 4 + i]);
  const isSame = row.crcs.length === found.length && isRight(0);
  if (!isSame || !columns.every((column, at) => !loaded.has(column) || isRight(at + 1)))
    throw new IndexDamage(`run ${row.number} of the index is damaged`);
}

function unpack(list: List, bytes: Uint8Array, isFormer: boolean): Postings {
  const postings = unpackPostings(list, bytes, isFormer);
  if (postings === undefined) throw new IndexDamage("postings of the index have a wrong length");
  return postings;
}

function filter(bytes: Uint8Array): BloomFilter | undefined {
  if (bytes.length === 0) return undefined;
  const words = new Uint32Array(bytes.length >>> 2);
  new Uint8Array(words.buffer).set(bytes);
  return new BloomFilter(words);
}
