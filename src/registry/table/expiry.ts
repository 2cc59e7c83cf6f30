// Evicts instances whose lease has expired: a bounded number per pass, and none while self-protection (guard.ts) is on.

import { leaseMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import { type Entry, isDiscovery } from "./entry.ts";
import { Guard, type Protection } from "./guard.ts";
import { leasesOf } from "./leases.ts";
import type { Table } from "./table.ts";

/** Evictions per pass, because reporting them takes time. The others follow in the next passes. */
const evictionsPerTick = 2_000;
/** Evictions per pass that are logged one by one. */
const evictionsLoggedPerTick = 20;

export class Expiry {
  /** Counts expired leases. */
  evictions = 0;
  /** True while nothing is evicted, because too many instances fell silent at once. */
  isProtecting = false;
  private readonly guard: Guard;
  private readonly parts: { readonly table: Table; readonly limits: Limits; readonly log: Log };

  constructor(parts: { table: Table; limits: Limits; log: Log }) {
    this.parts = parts;
    const { protectedLease: protectedLeaseMs, silentShare } = parts.limits.values;
    this.guard = new Guard({ leaseMs, protectedLeaseMs, believedShare: silentShare / 100 });
  }

  /** Checks all leases once. */
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
    table.notifyRevived();
    this.end(overdue, protection, nowMs);
  }

  /** An instance that never renewed is not protected: its silence does not show that this node is cut off. */
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
      if (ended <= evictionsLoggedPerTick) log.info("a lease ran out", { ...entry.identity });
      table.evict(entry);
    }
    table.markLapsed(kept, evictionsPerTick);
    if (ended > evictionsLoggedPerTick)
      log.info("more leases ran out", { leases: Math.min(ended, evictionsPerTick) - evictionsLoggedPerTick });
  }
}
