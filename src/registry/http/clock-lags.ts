// The lag of original nodes' clocks behind this one's, or their lead. Those nodes make versions from their wall clocks
// alone, so versions order two writes only as far as the clocks agree.
//
// Every answer that shows the other clock bounds the lag from both sides (Cristian, 1989): it was created between the
// request and its arrival. The bounds of several answers are intersected, widened by clock drift.

/** The other node's clock when it created an answer, and the moments of this node's clock around that. */
export interface ClockReading {
  /** The earliest and the latest moment by the other clock; all in nanoseconds since 1970. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly askedNs: bigint;
  readonly heardNs: bigint;
}

interface Lag {
  minNs: bigint;
  maxNs: bigint;
  atMs: number;
}

/** Two clocks drift apart by less than this: 100 µs a second. */
const driftNsPerMs = 100;
/** The life of a measurement: answers come at least every half minute. */
const keptMs = 10 * 60_000;

export class ClockLags {
  private readonly lags = new Map<string, Lag>();
  private readonly lagNsMax: bigint;

  /** A lag above `lagNsMax` counts as unknown: such a clock cannot order writes. */
  constructor(lagNsMax: bigint) {
    this.lagNsMax = lagNsMax;
  }

  /** Adds a reading of the clock of the node at `address`, at `nowMs` of the monotonic clock. */
  heard(address: string, { fromNs, toNs, askedNs, heardNs }: ClockReading, nowMs: number): void {
    for (const [known, { atMs }] of this.lags) if (nowMs - atMs > keptMs) this.lags.delete(known);
    const now: Lag = { minNs: askedNs - toNs, maxNs: heardNs - fromNs, atMs: nowMs };
    const known = this.lags.get(address);
    if (known !== undefined) {
      const driftNs = BigInt(Math.ceil((nowMs - known.atMs) * driftNsPerMs));
      const minNs = larger(known.minNs - driftNs, now.minNs);
      const maxNs = -larger(-(known.maxNs + driftNs), -now.maxNs);
      // If they contradict each other, a clock was set: the newer reading counts.
      if (minNs <= maxNs) Object.assign(now, { minNs, maxNs });
    }
    this.lags.set(address, now);
  }

  /**
   * Returns the largest possible lag, of those clocks that certainly lag, behind this node's versions, which are ahead
   * of its clock by `leadNs`; 0 if all may agree with them.
   */
  largestNs(nowMs: number, leadNs = 0n): bigint {
    let largest = 0n;
    for (const { minNs, maxNs, atMs } of this.lags.values()) {
      if (minNs + leadNs <= 0n || maxNs + leadNs > this.lagNsMax || nowMs - atMs > keptMs) continue;
      largest = larger(largest, maxNs + leadNs);
    }
    return largest;
  }

  /**
   * Returns the largest certain lead of a clock, of those that lead by at most half of `lagNsMax`; 0 if there is none.
   */
  largestLeadNs(nowMs: number): bigint {
    let largest = 0n;
    for (const { maxNs, atMs } of this.lags.values()) {
      if (-2n * maxNs <= this.lagNsMax && nowMs - atMs <= keptMs) largest = larger(largest, -maxNs);
    }
    return largest;
  }
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
