// Writes a run: postings arrive list by list and sorted, blocks are written as they fill, and finally the run's row,
// which makes the run exist. Blocks without a run are left over from an incomplete flush or merge.

import type { Database } from "bun:sqlite";
import { BloomFilter } from "./bloom-filter.ts";
import { lists, type List } from "./posting.ts";
import { blockNumber, blockPostingsMax, packPostings, runChecksums, type Postings } from "./run-block.ts";

/** The number of postings to write between two pauses: some milliseconds of work. */
export const slicePostings = 16_384;

/** The distinct keys of a sorted list, in a few bytes each. */
class KeyList {
  private keys = new Uint32Array(1_024);
  private count = 0;

  add(key: number): void {
    if (this.count > 0 && this.keys[this.count - 1] === key) return;
    if (this.count === this.keys.length) {
      const longer = new Uint32Array(this.count * 2);
      longer.set(this.keys);
      this.keys = longer;
    }
    this.keys[this.count++] = key;
  }

  filter(): Uint8Array {
    const filter = BloomFilter.forKeys(this.count);
    for (const key of this.keys.subarray(0, this.count)) filter.add(key);
    return new Uint8Array(filter.words.buffer);
  }
}

function emptyPostings(count: number): Postings {
  return { ids: new BigInt64Array(count), keys: new Uint32Array(count) };
}

interface Fences {
  readonly keys: number[];
  readonly ids: bigint[];
}

type RunValues = [number, number, bigint, number, ...Uint8Array[]];

export class RunStatements {
  readonly block;
  readonly run;
  /** Blocks since the last checkpoint, which resets it. */
  blocksWritten = 0;

  constructor(index: Database) {
    this.block = index.prepare<null, [number, Uint8Array, number]>("INSERT INTO block VALUES (?, ?, ?)");
    this.run = index.prepare<null, RunValues>("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  }
}

export class RunBuilder {
  readonly number: number;
  private readonly statements: RunStatements;
  private readonly fences: readonly Fences[] = Object.values(lists).map(() => ({ keys: [], ids: [] }));
  private readonly keys = [new KeyList(), undefined, new KeyList()] as const;
  private readonly open = emptyPostings(blockPostingsMax);
  private openCount = 0;

  constructor(number: number, statements: RunStatements) {
    this.number = number;
    this.statements = statements;
  }

  add(list: List, key: number, id: bigint): void {
    if (this.openCount === blockPostingsMax) this.endList(list);
    this.open.keys[this.openCount] = key;
    this.open.ids[this.openCount] = id;
    this.openCount++;
    this.keys[list]?.add(key);
  }

  /** Writes the open block; call it after the last posting of a list. */
  endList(list: List): void {
    const fences = this.fences[list];
    const [key] = this.open.keys;
    const [id] = this.open.ids;
    if (this.openCount === 0 || fences === undefined || key === undefined || id === undefined) return;
    const bytes = packPostings(this.open, 0, this.openCount);
    this.statements.block.run(blockNumber(this.number, list, fences.keys.length), bytes, Bun.hash.crc32(bytes));
    this.statements.blocksWritten++;
    fences.keys.push(key);
    fences.ids.push(id);
    this.openCount = 0;
  }

  finish(level: number, lastId: bigint, messages: number): void {
    const fences = this.fences.map(({ keys, ids }) =>
      packPostings({ keys: Uint32Array.from(keys), ids: BigInt64Array.from(ids) }),
    );
    const filters = [this.keys[lists.received].filter(), this.keys[lists.keyed].filter()];
    const blobs = [...fences, ...filters];
    const crcs = runChecksums(level, lastId, messages, blobs);
    this.statements.run.run(this.number, level, lastId, messages, ...blobs, crcs);
  }
}
