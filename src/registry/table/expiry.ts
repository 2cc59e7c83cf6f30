// Ends the leases that have run out, a bounded number in each look, and none while self-protection (guard.ts) is on.

import { leaseMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import { type Entry, isDiscovery } from "./entry.ts";
import { Guard, type Protection } from "./guard.ts";
import { leasesOf } from "./leases.ts";
import type { Table } from "./table.ts";

/** Leases that may end in one look: reporting more of them takes long. The others end in the next looks. */
const evictionsPerTick = 2_000;
/** As many of them get a line of the log each. */
const evictionsToldPerTick = 20;

export class Expiry {
  /** Counts leases that ran out. */
  evictions = 0;
  /** True while no lease ends, because too many instances fell silent at once. */
  isProtecting = false;
  private readonly guard: Guard;
  private readonly parts: { readonly table: Table; readonly limits: Limits; readonly log: Log };

  constructor(parts: { table: Table; limits: Limits; log: Log }) {
    this.parts = parts;
    const { protectedLease: protectedLeaseMs, silentShare } = parts.limits.values;
    this.guard = new Guard({ leaseMs, protectedLeaseMs, believedShare: silentShare / 100 });
  }

  /** Looks at all leases once. */
  tick(nowMs: number): void {
    const { table, limits, log } = this.parts;
    const { overdue, judged, judgedOverdue } = leasesOf(table.all(), nowMs);
    const protection = this.guard.assess(nowMs, judged, judgedOverdue);
    if (protection.isOn !== this.isProtecting) {
      this.isProtecting = protection.isOn;
      if (protection.isOn) {
        limits.met("silentShare");
        log.warn("too many instances fell silent at once: none is forgotten until they are heard again", {
          silent: judgedOverdue,
          listed: table.live,
        });
      } else log.info("the instances are heard again: those that stay silent are forgotten");
    }
    table.tellRevived();
    this.end(overdue, protection, nowMs);
  }

  /** An instance that never renewed is not protected: its silence does not show that this node cannot hear. */
  private end(overdue: readonly Entry[], protection: Protection, nowMs: number): void {
    const { table, limits, log } = this.parts;
    let ended = 0;
    const kept: Entry[] = [];
    for (const entry of overdue) {
      const isProtected = protection.isOn && entry.hasRenewed && !isDiscovery(entry);
      if (isProtected && nowMs - entry.touchedAtMs <= protection.keptMs) {
        kept.push(entry);
        continue;
      }
      if (++ended > evictionsPerTick) continue;
      if (isProtected) limits.met("protectedLease", { ...entry.identity });
      this.evictions++;
      if (ended <= evictionsToldPerTick) log.info("a lease ran out", { ...entry.identity });
      table.evict(entry);
    }
    table.markLapsed(kept, evictionsPerTick);
    if (ended > evictionsToldPerTick)
      log.info("more leases ran out", { leases: Math.min(ended, evictionsPerTick) - evictionsToldPerTick });
  }
}
