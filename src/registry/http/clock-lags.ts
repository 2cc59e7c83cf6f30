// How far the clocks of nodes of the original implementation are behind this one's, or ahead of it. Those nodes make
// versions of their wall clocks alone, so two versions tell which of two writes came first only as far as the clocks
// agree.
//
// Every answer that shows the other clock bounds the lag from both sides (Cristian, 1989): the answer was made between
// the question and its arrival. Bounds of several answers are intersected, widened by what clocks drift.

/** What the other node's clock showed when it made an answer, and between which moments of this node's that was. */
export interface ClockReading {
  /** The earliest and the latest moment by the other clock; nanoseconds since 1970, as the others. */
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly askedNs: bigint;
  readonly heardNs: bigint;
}

/** The lag is at least `minNs` and at most `maxNs`. */
interface Lag {
  minNs: bigint;
  maxNs: bigint;
  atMs: number;
}

/** Two clocks part by less than this, 100 µs a second. */
const driftNsPerMs = 100;
/** What was measured holds for this long: answers come every half minute at least. */
const keptMs = 10 * 60_000;

export class ClockLags {
  private readonly lags = new Map<string, Lag>();
  private readonly lagNsMax: bigint;

  /** A node that is behind by more than `lagNsMax` is none to order writes by: its lag is taken for unknown. */
  constructor(lagNsMax: bigint) {
    this.lagNsMax = lagNsMax;
  }

  /** Takes in a reading of the clock of the node at `address`, at `nowMs` on the monotonic clock. */
  heard(address: string, { fromNs, toNs, askedNs, heardNs }: ClockReading, nowMs: number): void {
    for (const [known, { atMs }] of this.lags) if (nowMs - atMs > keptMs) this.lags.delete(known);
    const now: Lag = { minNs: askedNs - toNs, maxNs: heardNs - fromNs, atMs: nowMs };
    const known = this.lags.get(address);
    if (known !== undefined) {
      const driftNs = BigInt(Math.ceil((nowMs - known.atMs) * driftNsPerMs));
      const minNs = larger(known.minNs - driftNs, now.minNs);
      const maxNs = -larger(-(known.maxNs + driftNs), -now.maxNs);
      // Where they contradict each other one of the clocks was set: the newer reading counts.
      if (minNs <= maxNs) Object.assign(now, { minNs, maxNs });
    }
    this.lags.set(address, now);
  }

  /**
   * The most that any of the clocks can be behind this node's versions, which are ahead of its clock by `leadNs`, of
   * those that are surely behind; 0 while all may agree with them.
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
   * The most that any of the clocks is ahead for sure, of those that are by at most half of `lagNsMax`; 0 while none
   * is.
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
