// The limits of a process as metrics: what each is, how much of it is used, and how often it has turned something away.

import { Counter, Gauge, type Registry } from "prom-client";
import { type LimitRow, limitRows } from "../base/limits/report.ts";
import type { RoleLimits } from "./metrics.ts";

const labelNames = ["limit"] as const;

/** Shows them as they are at each scrape; a use that nothing measures is left out. */
export function registerLimitMetrics(registry: Registry, { limits, role }: RoleLimits): void {
  const gauge = (name: string, help: string, value: (row: LimitRow) => number | null): void =>
    registry.registerMetric(
      new Gauge({
        name,
        help,
        labelNames,
        registers: [],
        collect() {
          for (const row of limitRows(limits, role)) {
            const now = value(row);
            if (now !== null) this.set({ limit: row.name }, now);
          }
        },
      }),
    );
  // In seconds, as all durations of Prometheus are.
  const scaled = (value: number | null, { unit }: LimitRow): number | null =>
    value !== null && unit === "ms" ? value / 1_000 : value;
  gauge("roost_limit", "Limits: counts, bytes, or seconds.", (row) => scaled(row.value, row));
  gauge("roost_limit_use", "What is used of a limit, where that is measured.", (row) => scaled(row.use, row));
  registry.registerMetric(
    new Counter({
      name: "roost_limits_reached_total",
      help: "What a limit has turned away.",
      labelNames,
      registers: [],
      collect() {
        this.reset();
        for (const { name, reached } of limitRows(limits, role)) this.inc({ limit: name }, reached);
      },
    }),
  );
}
