// Latencies of one kind, in microseconds within and milliseconds without.

import { build, type Histogram } from "hdr-histogram-js";

export class Latency {
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });

  get count(): number {
    return this.histogram.totalCount;
  }

  /** From when it was due until when it was done, by one clock. */
  record(fromMs: number, toMs: number): void {
    this.histogram.recordValue(Math.max(1, Math.round((toMs - fromMs) * 1000)));
  }

  /** Takes in what another one has recorded. */
  add(other: Latency): void {
    this.histogram.add(other.histogram);
  }

  /** As fields of a result. */
  fields(): { p50_ms: number; p90_ms: number; p99_ms: number; max_ms: number } {
    const ms = (percentile: number): number => this.histogram.getValueAtPercentile(percentile) / 1000;
    return { p50_ms: ms(50), p90_ms: ms(90), p99_ms: ms(99), max_ms: this.histogram.maxValue / 1000 };
  }
}
