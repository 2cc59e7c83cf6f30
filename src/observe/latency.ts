// A histogram of durations that costs an addition or two per observation: prom-client would hash labels for each one.

/** Upper bounds of the buckets, inclusive; longer durations count in a last bucket without a bound. */
export const bucketsMs = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const;

/** Durations by bucket. */
export class Latency {
  /** Observations in each bucket alone (Prometheus adds those in smaller ones), then those above the last bound. */
  readonly counts: number[] = Array.from({ length: bucketsMs.length + 1 }, () => 0);
  sumMs = 0;

  observeMs(durationMs: number): void {
    let bucket = 0;
    for (const boundMs of bucketsMs) {
      if (durationMs <= boundMs) break;
      bucket++;
    }
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sumMs += durationMs;
  }
}
