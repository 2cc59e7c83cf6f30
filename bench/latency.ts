// Latencies of one kind, in microseconds within and milliseconds without.

import { build, type Histogram } from "hdr-histogram-js";

export class Latency {
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  });

  get count(): number {
    return this.histogram.totalCount;
  }

  /** Forgets what was recorded. */
  reset(): void {
    this.histogram.reset();
  }

  /** From when it was due until when it was done, by one clock. */
  record(fromMs: number, toMs: number): void {
    this.histogram.recordValue(Math.max(1, Math.round((toMs - fromMs) * 1000)));
  }

  /** Takes in what another one has recorded. */
  add(other: Latency): void {
    this.histogram.add(other.histogram);
  }

  /** In milliseconds; 0 when nothing was recorded. */
  at(percentile: number): number {
    // The histogram answers with the upper end of a bucket, which may lie above all that was recorded.
    return Math.min(this.histogram.getValueAtPercentile(percentile), this.histogram.maxValue) / 1000;
  }

  /** As fields of a result; null when nothing was recorded. */
  fields(): Record<"p50_ms" | "p90_ms" | "p99_ms" | "p999_ms" | "max_ms", number | null> {
    if (this.count === 0) return { p50_ms: null, p90_ms: null, p99_ms: null, p999_ms: null, max_ms: null };
    return {
      p50_ms: this.at(50),
      p90_ms: this.at(90),
      p99_ms: this.at(99),
      p999_ms: this.at(99.9),
      max_ms: this.histogram.maxValue / 1000,
    };
  }
}
