// The answer to another node's digest: the buckets that differ and their states in this table, in parts if it is long.

import { leaseMs } from "../../base/limits/fixed.ts";
import { digestBuckets } from "../table/digest.ts";
import type { Entry, EntryState } from "../table/entry.ts";
import type { Compared } from "./peer-messages.ts";
import type { Table } from "../table/table.ts";

/** Approximate number of states in one answer: whole buckets, or a part of a huge one. */
const statesMin = 200;
export const statesMax = 400;

/**
 * Returns the differences from `digest` ('' if empty), from a bucket on. `random32` selects the part of a huge bucket.
 */
export function comparisonOf(
  table: Table,
  { digest, fromBucket }: { readonly digest: string; readonly fromBucket: number },
  { nowMs, random32 }: { readonly nowMs: number; readonly random32: () => number },
): Pick<Compared, "differing" | "states" | "nextBucket"> {
  if (digest === table.digest.text()) return { differing: [], states: [], nextBucket: undefined };
  const isEmpty = digest === "";
  const byBucket = new Map<number, Entry[]>();
  for (let bucket = fromBucket; bucket < digestBuckets; bucket++) {
    if (isEmpty || !table.digest.agrees(bucket, digest)) byBucket.set(bucket, []);
  }
  if (byBucket.size > 0) {
    for (const entry of table.all()) {
      if (!entry.isStale && (isEmpty || isWorthSending(entry, nowMs))) byBucket.get(entry.bucket)?.push(entry);
    }
  }
  const states: EntryState[] = [];
  const differing: number[] = [];
  for (const [bucket, entries] of byBucket) {
    if (states.length >= statesMin) return { differing, states, nextBucket: bucket };
    const room = statesMax - states.length;
    // A bucket that does not fit is sent in part, a different part each time.
    const from = entries.length <= room ? 0 : random32() % entries.length;
    for (const entry of entries.slice(from, from + room)) states.push(entry.state(nowMs));
    differing.push(bucket);
  }
  return { differing, states, nextBucket: undefined };
}

/** False for an instance that is about to be forgotten: other nodes may have forgotten it already. */
export function isWorthSending(entry: Entry, nowMs: number): boolean {
  return entry.instance === undefined || nowMs - entry.touchedAtMs < leaseMs;
}
