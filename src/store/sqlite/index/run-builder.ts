// Writes a run: postings arrive list by list and sorted, blocks are written as they fill, and finally the run's row,
// which makes the run exist. Blocks without a run are left over from an incomplete flush or merge.

import type { Database } from "bun:sqlite";
import { BloomFilter } from "./bloom-filter.ts";
import { allLists, filteredLists, lists, pairHash, type List } from "./posting.ts";
import { blockNumber, blockPostings, emptyPostings, packPostings, runChecksums, type Postings } from "./run-block.ts";
import { WordList } from "./word-list.ts";

/** The number of postings to write between two pauses: some milliseconds of work. */
export const slicePostings = 16_384;
/** Pairs are many, and a false positive costs no more than a block. */
const pairBits = 8;

interface Fence {
  readonly key: number;
  readonly second: number;
  readonly id: bigint;
}

type RunValues = [number, number, bigint, number, ...Uint8Array[]];

export class RunStatements {
  readonly block;
  readonly run;
  /** Blocks since the last checkpoint, which resets it. */
  blocksWritten = 0;

  constructor(index: Database) {
    this.block = index.prepare<null, [number, Uint8Array, number]>("INSERT INTO block VALUES (?, ?, ?)");
    this.run = index.prepare<null, RunValues>("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  }
}

export class RunBuilder {
  readonly number: number;
  private readonly statements: RunStatements;
  private readonly fences: readonly Fence[][] = allLists.map(() => []);
  /** The distinct keys of the lists that have a filter; pairs by their hash. */
  private readonly keys = allLists.map((list) => (filteredLists.includes(list) ? new WordList() : undefined));
  private filters: readonly Uint8Array[] = [];
  private open: Postings = emptyPostings(lists.received, 0);
  private openList: List | undefined;
  private openCount = 0;

  constructor(number: number, statements: RunStatements) {
    this.number = number;
    this.statements = statements;
  }

  /** Adds a posting; its id is the one at `at` in `halves` (run-block.ts). */
  add(list: List, key: number, second: number, halves: Uint32Array, at: number): void {
    if (this.openList !== list) this.openBlock(list);
    if (this.openCount === this.open.keys.length) this.writeBlock(list);
    const { open, openCount } = this;
    open.keys[openCount] = key;
    // A list without second words ignores it.
    open.seconds[openCount] = second;
    open.halves[openCount * 2] = halves[at * 2] ?? 0;
    open.halves[openCount * 2 + 1] = halves[at * 2 + 1] ?? 0;
    this.openCount++;
    const keys = this.keys[list];
    if (keys === undefined) return;
    const word = list === lists.pair ? pairHash(key, second) : key;
    if (keys.last !== word) keys.push(word);
  }

  /** Writes the open block; call it after the last posting of a list. */
  endList(list: List): void {
    if (this.openList !== list) return;
    this.writeBlock(list);
    this.openList = undefined;
  }

  /** Makes the filters, in slices; call it after the last list. */
  *makeFilters(): Generator<void, void, void> {
    const filters: Uint8Array[] = [];
    for (const list of filteredLists) {
      const keys = this.keys[list]?.all ?? new Uint32Array(0);
      const filter = BloomFilter.forKeys(keys.length, list === lists.pair ? pairBits : undefined);
      for (let at = 0; at < keys.length; at++) {
        if (at % slicePostings === slicePostings - 1) yield;
        filter.add(keys[at] ?? 0);
      }
      filters.push(new Uint8Array(filter.words.buffer));
      yield;
    }
    this.filters = filters;
  }

  finish(level: number, lastId: bigint, messages: number): void {
    const fences = allLists.map((list) => this.packedFences(list));
    const blobs = [...fences, ...this.filters];
    const crcs = runChecksums(level, lastId, messages, blobs);
    this.statements.run.run(this.number, level, lastId, messages, ...blobs, crcs);
  }

  private openBlock(list: List): void {
    this.open = emptyPostings(list, blockPostings(list));
    this.openList = list;
  }

  private writeBlock(list: List): void {
    const fences = this.fences[list];
    const [key] = this.open.keys;
    const [id] = this.open.ids;
    if (this.openCount === 0 || fences === undefined || key === undefined || id === undefined) return;
    const bytes = packPostings(list, this.open, this.openCount);
    this.statements.block.run(blockNumber(this.number, list, fences.length), bytes, Bun.hash.crc32(bytes));
    this.statements.blocksWritten++;
    fences.push({ key, second: this.open.seconds[0] ?? 0, id });
    this.openCount = 0;
  }

  private packedFences(list: List): Uint8Array {
    const fences = this.fences[list] ?? [];
    const packed = emptyPostings(list, fences.length);
    for (const [at, { key, second, id }] of fences.entries()) {
      packed.keys[at] = key;
      packed.seconds[at] = second;
      packed.ids[at] = id;
    }
    return packPostings(list, packed);
  }
}
