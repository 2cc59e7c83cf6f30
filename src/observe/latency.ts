// How long something takes, as a histogram that costs an addition or two an observation: prom-client hashes labels for
// each one, this counts into an array, which prom-client reads when it is scraped.

/** Upper bounds of the buckets, inclusive; what is longer counts into the last one, which has none. */
export const bucketsMs = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000] as const;

/** Durations by bucket. */
export class Latency {
  /** Observations of each bucket (not of the smaller ones too, as in Prometheus), then those beyond the last bound. */
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
