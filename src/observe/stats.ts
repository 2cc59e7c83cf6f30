// The metrics of a process as numbers, for the API.

import type { Metrics } from "./metrics.ts";

/** A sample of a metric. */
export interface Stat {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Returns a function that reads them; prom-client is loaded at the first call. */
export function statsOf(metrics: Metrics): () => Promise<readonly Stat[]> {
  const read = async () => (await import("./exposition.ts")).expositionOf(metrics);
  let reading: ReturnType<typeof read> | undefined;
  return async () => {
    const registry = await (reading ??= read());
    const all = await registry.getMetricsAsJSON();
    return all.flatMap(({ name, values }) =>
      values.map(({ labels, value, ...rest }) => ({
        // Of a histogram: its buckets, sum and count.
        name: "metricName" in rest && typeof rest.metricName === "string" ? rest.metricName : name,
        labels: textsOf(labels),
        value,
      })),
    );
  };
}

function textsOf(labels: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}
