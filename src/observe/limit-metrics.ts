// The limits of a process as metrics: what each is, how much of it is used, and how often it has turned something away.

import { Counter, Gauge, type Registry } from "prom-client";
import { limitsOfRole } from "../base/limits/report.ts";
import { type LimitName, limitTable, writtenNameOf } from "../base/limits/table.ts";
import type { RoleLimits } from "./metrics.ts";

const labelNames = ["limit"] as const;

/** Shows them as they are at each scrape; a use that nothing measures is left out. */
export function registerLimitMetrics(registry: Registry, { limits, role }: RoleLimits): void {
  const names = limitsOfRole(role);
  const gauge = (name: string, help: string, value: (limit: LimitName) => number | undefined): void =>
    registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames,
        registers: [],
        collect() {
          for (const limit of names) {
            const now = value(limit);
            // In seconds, as all durations of Prometheus are.
            const scale = limitTable[limit].unit === "ms" ? 1_000 : 1;
            if (now !== undefined) this.set({ limit: writtenNameOf(limit) }, now / scale);
          }
        },
      }),
    );
  gauge("roost_limit", "Limits: counts, bytes, or seconds.", (limit) => limits.values[limit]);
  gauge("roost_limit_use", "What is used of a limit, where that is measured.", (limit) => limits.use(limit));
  registry.registerMetric(
    new Counter({
      name: "roost_limits_reached_total",
      help: "What a limit has turned away.",
      labelNames,
      registers: [],
      collect() {
        this.reset();
        for (const limit of names) this.inc({ limit: writtenNameOf(limit) }, limits.reached.get(limit) ?? 0);
      },
    }),
  );
}
