// Which leases have run out, and the counts by which self-protection judges (guard.ts).

import { leaseMs } from "../../base/limits/fixed.ts";
import { type Entry, isDiscovery } from "./entry.ts";

export interface Leases {
  /** Living instances whose lease has run out. */
  readonly overdue: readonly Entry[];
  /** Instances that have renewed and are not nodes of the registry, which renew in another way. */
  readonly judged: number;
  readonly judgedOverdue: number;
}

/** Looks at the leases of all living instances among `entries`. */
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
