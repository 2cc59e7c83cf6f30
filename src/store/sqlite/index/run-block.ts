// Blocks: sorted postings of one list of a run, sized so that a block's row fills one page of 4 KiB.
//
//   offset 0      8 × n bytes   ids, signed 64-bit, little-endian
//   offset 8 n    4 × n bytes   keys, unsigned 32-bit, little-endian
//   offset 12 n   4 × n bytes   second words, likewise, in the lists that have them; a posting has 12 or 16 bytes
//
// Sorted by key, by the second word if it is part of the key, and by id. A block's number encodes its place:
// 2^23 × run + 2^20 × list + ordinal. In an index of the former schema it is 2^22 × run + ..., and the list `received`
// has no second words.

import { assert } from "../../../base/assert.ts";
import { isPaired, isWide, type List } from "./posting.ts";

const blockBytesMax = 3_984;
const blocksPerList = 2 ** 20;
export const blocksPerRun = 8 * blocksPerList;
const formerBlocksPerRun = 4 * blocksPerList;

/** Columns of one buffer. */
export interface Postings {
  readonly ids: BigInt64Array<ArrayBuffer>;
  /** The low and the high half of each id: copying these costs no objects. */
  readonly halves: Uint32Array<ArrayBuffer>;
  readonly keys: Uint32Array<ArrayBuffer>;
  /** Empty in lists without second words. */
  readonly seconds: Uint32Array<ArrayBuffer>;
}

/** A position in the order of a list. Where the second word is not part of the key, it is ignored. */
export interface Bound {
  readonly key: number;
  readonly second: number;
  readonly id: bigint;
}

function postingBytes(list: List): number {
  return isWide(list) ? 16 : 12;
}

/** The number of postings in each block of a list but the last. */
export function blockPostings(list: List): number {
  return Math.floor(blockBytesMax / postingBytes(list));
}

export function blockNumber(run: number, list: List, ordinal: number, isFormer = false): number {
  assert(ordinal < blocksPerList, "a list of a run has less than 2^20 blocks");
  return run * (isFormer ? formerBlocksPerRun : blocksPerRun) + list * blocksPerList + ordinal;
}

export function emptyPostings(list: List, count: number): Postings {
  return viewed(new ArrayBuffer(count * postingBytes(list)), count, isWide(list));
}

/** Returns the bytes of the first `count` postings: a view of all of them, or a copy. */
export function packPostings(list: List, postings: Postings, count = postings.keys.length): Uint8Array<ArrayBuffer> {
  if (count === postings.keys.length) return new Uint8Array(postings.ids.buffer);
  const packed = emptyPostings(list, count);
  packed.ids.set(postings.ids.subarray(0, count));
  packed.keys.set(postings.keys.subarray(0, count));
  packed.seconds.set(postings.seconds.subarray(0, packed.seconds.length));
  return new Uint8Array(packed.ids.buffer);
}

/** Returns views of a copy of the bytes; undefined if their length is invalid. `isFormer`: of the former schema. */
export function unpackPostings(list: List, bytes: Uint8Array, isFormer = false): Postings | undefined {
  const isNarrow = isFormer || !isWide(list);
  const count = bytes.length / (isNarrow ? 12 : 16);
  if (!Number.isInteger(count)) return undefined;
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return viewed(buffer, count, !isNarrow);
}

function viewed(buffer: ArrayBuffer, count: number, hasSeconds: boolean): Postings {
  return {
    ids: new BigInt64Array(buffer, 0, count),
    halves: new Uint32Array(buffer, 0, count * 2),
    keys: new Uint32Array(buffer, count * 8, count),
    seconds: new Uint32Array(buffer, count * 12, hasSeconds ? count : 0),
  };
}

/** Returns the CRC-32 of a run's numbers and of each of its blobs, little-endian; each can be checked alone. */
export function runChecksums(
  level: number,
  lastId: bigint,
  messages: number,
  blobs: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const crcs = Uint32Array.of(
    Bun.hash.crc32(`${level} ${lastId} ${messages}`),
    ...blobs.map((blob) => Bun.hash.crc32(blob)),
  );
  return new Uint8Array(crcs.buffer);
}

/** Counts the postings before a position, including one at it if `inclusive`. */
export function postingsBefore(list: List, postings: Postings, bound: Bound, inclusive: boolean): number {
  const { ids, keys, seconds } = postings;
  const { key, second, id } = bound;
  const isBySecond = isPaired(list);
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    let order = (keys[middle] ?? 0) - key;
    if (order === 0 && isBySecond) order = (seconds[middle] ?? 0) - second;
    if (order === 0) {
      const there = ids[middle] ?? 0n;
      order = there < id || (inclusive && there === id) ? -1 : 1;
    }
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
