// The limits of a process as metrics. Durations are in seconds, as all of Prometheus are.

import { limitsOfRole } from "../base/limits/report.ts";
import { type LimitName, limitTable, writtenNameOf } from "../base/limits/table.ts";
import type { Metric, Sample } from "./metric.ts";
import type { RoleLimits } from "./metrics.ts";

export const limitMetrics: readonly Metric<RoleLimits>[] = [
  metric("gauge", "roost_limit", "Limits: counts, bytes, or seconds.", ({ limits }, name) =>
    scaled(name, limits.values[name]),
  ),
  metric("gauge", "roost_limit_use", "What is used of a limit, where that is measured.", ({ limits }, name) =>
    scaled(name, limits.use(name)),
  ),
  metric(
    "counter",
    "roost_limits_reached_total",
    "What a limit has turned away.",
    ({ limits }, name) => limits.reached.get(name) ?? 0,
  ),
];

/** A sample for each limit of the role; `value` returns undefined to leave a limit out. */
function metric(
  type: "counter" | "gauge",
  name: string,
  help: string,
  value: (source: RoleLimits, limit: LimitName) => number | undefined,
): Metric<RoleLimits> {
  const read = (source: RoleLimits): Sample[] => {
    const samples: Sample[] = [];
    for (const limit of limitsOfRole(source.role)) {
      const now = value(source, limit);
      if (now !== undefined) samples.push([{ limit: writtenNameOf(limit) }, now]);
    }
    return samples;
  };
  return { type, name, help, labelNames: ["limit"], read };
}

function scaled(limit: LimitName, value: number | undefined): number | undefined {
  return value === undefined || limitTable[limit].unit !== "ms" ? value : value / 1_000;
}
