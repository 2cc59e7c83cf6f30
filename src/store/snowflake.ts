// Message ids: 41 bits of milliseconds since 2020-01-01T00:00:00Z, 10 bits of node, 12 bits of sequence. Pure: the time
// and the store's last id are arguments.
//
// Invariant: an id is above all earlier ids of the same store, and has the number of the node that allocated it, even
// if clocks disagree. So it may be slightly ahead of the clock, but never below `last`.

import { assert } from "../base/assert.ts";

export const snowflakeEpochMs = Date.UTC(2020, 0, 1);
/** Clocks beyond 2085 are wrong: ids have room until 2089. */
export const clockMsEnd = Date.UTC(2086, 0, 1);
/** Above every id. */
export const idMax = (1n << 63n) - 1n;
/** Node numbers are below this. */
export const nodeNumbers = 1024;

const nodeShift = 12n;
const timeShift = 22n;
const sequenceLast = (1n << nodeShift) - 1n;
const nodeLast = BigInt(nodeNumbers - 1);
const timeLast = (1n << 41n) - 1n;

/** Returns the smallest id of a time (milliseconds since 1970); 0n before 2020. */
export function smallestIdAt(wallMs: number): bigint {
  return wallMs <= snowflakeEpochMs ? 0n : BigInt(Math.floor(wallMs) - snowflakeEpochMs) << timeShift;
}

/** Returns why nothing is written by `whose` clock ("this machine's"); undefined if it is between 2020 and 2085. */
export function refusedClock(wallMs: number, whose: string): string | undefined {
  if (wallMs >= snowflakeEpochMs && wallMs < clockMsEnd) return undefined;
  const says = Number.isFinite(wallMs) ? new Date(wallMs).toISOString() : String(wallMs);
  return `${whose} clock says ${says}: ids need a clock between 2020 and 2085; set it right`;
}

/** Returns the time of an id in milliseconds since 1970. */
export function timeOfId(id: bigint): number {
  return Number(id >> timeShift) + snowflakeEpochMs;
}

/** How far an id is ahead of a clock, in milliseconds. */
export function aheadMsOf(id: bigint, wallMs: number): number {
  return Math.max(0, timeOfId(id) - wallMs);
}

export function nodeOfId(id: bigint): number {
  return Number((id >> nodeShift) & nodeLast);
}

/** Returns the node's snowflake of this time if that is above `last`, else its smallest id above `last`. */
export function nextId(last: bigint, wallMs: number, node: number): bigint {
  assert(Number.isInteger(node) && node >= 0 && node < nodeNumbers, "a node number has 10 bits");
  const nodeBits = BigInt(node) << nodeShift;
  const own = smallestIdAt(wallMs) | nodeBits;
  let id = own;
  if (own <= last) {
    const sameTime = ((last >> timeShift) << timeShift) | nodeBits;
    if (sameTime > last) id = sameTime;
    else if (last - sameTime < sequenceLast) id = last + 1n;
    else id = sameTime + (1n << timeShift);
  }
  assert(id >> timeShift <= timeLast, "an id's time has 41 bits: until 2089");
  return id;
}

/** The ids of one transaction: begins at the store's last id; the transaction must save `last`. */
export class IdSequence {
  last: bigint;
  readonly node: number;

  constructor(last: bigint, node: number) {
    this.last = last;
    this.node = node;
  }

  next(wallMs: number): bigint {
    this.last = nextId(this.last, wallMs, this.node);
    return this.last;
  }
}
