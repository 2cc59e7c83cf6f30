// Finds expired leases, and counts what self-protection (guard.ts) judges by.

import { leaseMs } from "../../base/limits/fixed.ts";
import { type Entry, isDiscovery } from "./entry.ts";

interface Leases {
  /** Live instances whose lease has expired. */
  readonly overdue: readonly Entry[];
  /** Instances that have renewed, without nodes of the registry, which renew in another way. */
  readonly judged: number;
  readonly judgedOverdue: number;
}

/** Checks the leases of all live instances among `entries`. */
export function leasesOf(entries: Iterable<Entry>, nowMs: number): Leases {
  const overdue: Entry[] = [];
  let judged = 0;
  let judgedOverdue = 0;
  for (const entry of entries) {
    if (entry.instance === undefined) continue;
    const isOverdue = nowMs - entry.touchedAtMs > leaseMs;
    if (isOverdue) overdue.push(entry);
    if (!entry.hasRenewed || isDiscovery(entry)) continue;
    judged++;
    if (isOverdue) judgedOverdue++;
  }
  return { overdue, judged, judgedOverdue };
}
