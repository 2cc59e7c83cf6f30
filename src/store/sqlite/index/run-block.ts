// Blocks: sorted postings of one list of a run, sized so that a block's row fills one page of 4 KiB.
//
//   offset 0      8 × n bytes   ids, signed 64-bit, little-endian
//   offset 8 n    4 × n bytes   keys, unsigned 32-bit, little-endian; n is the length divided by 12
//
// Sorted by key and id. A block's number encodes its place: 2^22 × run + 2^20 × list + ordinal.

import { assert } from "../../../base/assert.ts";
import type { List } from "./posting.ts";

export const blockPostingsMax = 332;
const postingBytes = 12;
const blocksPerList = 2 ** 20;
export const blocksPerRun = 4 * blocksPerList;

export interface Postings {
  readonly ids: BigInt64Array<ArrayBuffer>;
  readonly keys: Uint32Array<ArrayBuffer>;
}

export function blockNumber(run: number, list: List, ordinal: number): number {
  assert(ordinal < blocksPerList, "a list of a run has less than 2^20 blocks");
  return run * blocksPerRun + list * blocksPerList + ordinal;
}

export function packPostings(postings: Postings, from = 0, count = postings.keys.length): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count * postingBytes);
  new BigInt64Array(bytes.buffer, 0, count).set(postings.ids.subarray(from, from + count));
  new Uint32Array(bytes.buffer, count * 8, count).set(postings.keys.subarray(from, from + count));
  return bytes;
}

/** Returns views of a copy of the bytes; undefined if their length is invalid. */
export function unpackPostings(bytes: Uint8Array): Postings | undefined {
  const count = bytes.length / postingBytes;
  if (!Number.isInteger(count)) return undefined;
  const buffer = new ArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return { ids: new BigInt64Array(buffer, 0, count), keys: new Uint32Array(buffer, count * 8, count) };
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

/** Counts the postings before (key, id), including it if `inclusive`. */
export function postingsBefore({ ids, keys }: Postings, key: number, id: bigint, inclusive: boolean): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const keyThere = keys[middle] ?? 0;
    const idThere = ids[middle] ?? 0n;
    const isBefore = keyThere < key || (keyThere === key && (idThere < id || (inclusive && idThere === id)));
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  return low;
}
