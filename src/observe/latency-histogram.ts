// A histogram for the hot path: an observation adds one to a bucket; Prometheus' cumulative form is made when scraped.

import { Gauge, type Registry } from "prom-client";

/** Upper bounds of the buckets, in seconds. */
const boundsSeconds = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] as const;

/** Counts durations by bucket, exposed as `<name>_bucket`, `<name>_sum` and `<name>_count`. */
export class LatencyHistogram {
  private readonly buckets = new Float64Array(boundsSeconds.length + 1);
  private sumSeconds = 0;
  count = 0;

  constructor(registry: Registry, name: string, help: string) {
    const { buckets } = this;
    const total = (): { sum: number; count: number } => ({ sum: this.sumSeconds, count: this.count });
    new Gauge({
      name: `${name}_bucket`,
      help,
      labelNames: ["le"],
      registers: [registry],
      collect() {
        let cumulative = 0;
        for (const [index, bucket] of buckets.entries()) {
          cumulative += bucket;
          const bound = boundsSeconds[index];
          this.set({ le: bound === undefined ? "+Inf" : String(bound) }, cumulative);
        }
      },
    });
    new Gauge({ name: `${name}_sum`, help, registers: [registry], collect() { this.set(total().sum); } });
    new Gauge({ name: `${name}_count`, help, registers: [registry], collect() { this.set(total().count); } });
  }

  /** Adds one duration, in milliseconds. */
  observeMs(durationMs: number): void {
    const seconds = durationMs / 1000;
    let index = 0;
    while (index < boundsSeconds.length && seconds > (boundsSeconds[index] ?? 0)) index++;
    this.buckets[index] = (this.buckets[index] ?? 0) + 1;
    this.sumSeconds += seconds;
    this.count++;
  }
}
