// A Latency as prom-client's histogram: buckets are summed up and label values made at the scrape.

import { Histogram } from "prom-client";
import { bucketsMs, type Latency } from "./latency.ts";

/** A line of the exposition; `sharedLabels` is prom-client's, and always empty here. */
interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A histogram of a Latency, in seconds. */
export class LatencyHistogram extends Histogram {
  private readonly shown: { readonly name: string; readonly help: string; readonly type: "histogram" };
  private readonly latency: Latency;

  constructor(name: string, help: string, latency: Latency) {
    super({ name, help, buckets: bucketsMs.map((boundMs) => boundMs / 1000), registers: [] });
    this.shown = { name, help, type: "histogram" };
    this.latency = latency;
  }

  /**
   * prom-client 15 (pinned) reads a metric's values here, for its text and for its `get`; its types omit the method.
   */
  getForPromString(): Promise<typeof this.shown & { readonly values: readonly Sample[] }> {
    const { name } = this.shown;
    const { counts, sumMs } = this.latency;
    const values: Sample[] = [];
    let upTo = 0;
    const add = (suffix: string, labels: Sample["labels"], value: number): void => {
      values.push({ metricName: `${name}_${suffix}`, labels, sharedLabels: {}, value });
    };
    for (const [bucket, count] of counts.entries()) {
      upTo += count;
      const boundMs = bucketsMs[bucket];
      add("bucket", { le: boundMs === undefined ? "+Inf" : boundMs / 1000 }, upTo);
    }
    add("sum", {}, sumMs / 1000);
    add("count", {}, upTo);
    return Promise.resolve({ ...this.shown, values });
  }
}
