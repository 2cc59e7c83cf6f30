// The clock that versions are made of: a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014) that
// follows the wall clock, never repeats, and moves up to what other nodes of the registry say, so that a node whose
// clock is behind does not lose its updates to one whose clock is ahead. Having moved up it keeps pace: a clock that
// waited for the wall clock would fall behind the other node's again until that node's next message, and a client that
// writes at one node and then at another would find its later write to be the older one.
//
// Only a wall clock that is set back by more than twice what timestamps may be ahead takes it back: other nodes refuse
// versions that are so far ahead, and would refuse them until that moment is reached.

import type { Clock } from "../../base/clock.ts";

/**
 * Versions are multiples of this many nanoseconds: such numbers are exact as doubles until the year 2262, so that a
 * JavaScript program that reads the API does not corrupt them.
 */
const stepNs = 1024n;

/**
 * How fast a lead over the wall clock is given up, as a share of the time that passes: more than two clocks drift
 * apart, so that a lead ends some day after the clock that caused it was set right, and too little to matter between
 * two messages.
 */
const leadLoss = 1 / 1000;

/** Rounds up to a whole step. */
const rounded = (timestampNs: bigint): bigint => ((timestampNs + stepNs - 1n) / stepNs) * stepNs;

/** The least version above one. */
export function versionAfter(version: bigint): bigint {
  return rounded(version + 1n);
}

/**
 * True for a version that a hybrid clock has made, and for one in a thousand of those that nodes of the original
 * implementation make.
 */
export function isHybridVersion(version: bigint): boolean {
  return version % stepNs === 0n;
}

export class HybridClock {
  private readonly clock: Clock;
  /** How far ahead of this machine's clock a timestamp may be. */
  readonly aheadMsMax: number;
  private readonly aheadNsMax: bigint;
  private readonly leadNs: () => bigint;
  private last = 0n;
  /** The other node's reading that this clock keeps pace with, and when it was heard, by the monotonic clock. */
  private lead = { reading: 0n, atMs: 0 };
  /** Times that the wall clock was set back and followed. */
  setBacks = 0;

  /**
   * `leadNs`: how far versions are ahead of this machine's clock, at most `aheadMsMax`. Nodes that make versions of
   * faster clocks, and follow nobody's, win over what is written here later unless it is dated as they would.
   */
  constructor(clock: Clock, aheadMsMax: number, leadNs = (): bigint => 0n) {
    this.clock = clock;
    this.leadNs = leadNs;
    this.aheadMsMax = aheadMsMax;
    this.aheadNsMax = BigInt(Math.round(aheadMsMax)) * 1_000_000n;
  }

  /**
   * A version, in nanoseconds since 1970, greater than every one before it and every one observed, unless the wall
   * clock was set back.
   */
  next(): bigint {
    const now = this.now();
    const isSetBack = this.isFromFuture(this.last);
    if (isSetBack) this.setBacks++;
    this.last = now > this.last || isSetBack ? now : this.last + stepNs;
    return this.last;
  }

  /** What this clock has reached, to be told to other nodes. */
  reading(): bigint {
    const now = this.now();
    return now > this.last || this.isFromFuture(this.last) ? now : this.last;
  }

  /** How far versions are ahead of this machine's clock now, in nanoseconds; never negative. */
  leadNow(): bigint {
    // The wall clock is read first: it goes on meanwhile.
    const wall = rounded(this.clock.wallNs());
    return this.reading() - wall;
  }

  /** Moves up to another node's reading; returns false, and does nothing, when that is too far ahead. */
  observe(reading: bigint): boolean {
    if (this.isTooFarAhead(reading)) return false;
    if (reading > this.last) this.last = rounded(reading);
    if (reading > this.now()) this.lead = { reading, atMs: this.clock.monotonicMs() };
    return true;
  }

  /** The wall clock, or what another node's clock must have reached, if that is more and not absurd. */
  private now(): bigint {
    const wall = rounded(this.clock.wallNs() + this.leadNs());
    const passedMs = (this.clock.monotonicMs() - this.lead.atMs) * (1 - leadLoss);
    const led = rounded(this.lead.reading + BigInt(Math.floor(passedMs * 1e6)));
    return led > wall && !this.isFromFuture(led) ? led : wall;
  }

  /** True for a timestamp more than `aheadMsMax` ahead of this machine's clock. */
  isTooFarAhead(timestampNs: bigint): boolean {
    return timestampNs > this.clock.wallNs() + this.aheadNsMax;
  }

  /**
   * True for a version that no node with a clock that is nearly right has made: nodes' clocks may be so far apart, and
   * a client's timestamp that a node accepts is ahead of the node's clock by as much again.
   */
  isFromFuture(version: bigint): boolean {
    return this.isTooFarAhead(version - this.aheadNsMax);
  }
}
