// The clock that creates versions: a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014). It
// follows the wall clock, never repeats, and advances to other nodes' readings, so that a node whose clock is behind
// does not lose its updates to one whose clock is ahead. After advancing it keeps pace: if it waited for the wall
// clock, it would fall behind the other node until that node's next message, and of a client's writes at one node and
// then at another, the later one would get the older version.
//
// It goes back only if the wall clock is set back by more than twice what timestamps may be ahead: other nodes would
// refuse its versions until that moment is reached.

import type { Clock } from "../../base/clock.ts";

/**
 * Versions are multiples of this many nanoseconds. Doubles hold them exactly until the year 2262, so JavaScript clients
 * of the API do not corrupt them.
 */
const stepNs = 1024n;

/**
 * The share of elapsed time by which a lead over the wall clock shrinks: more than clocks drift, so that the lead ends
 * some time after the clock that caused it is corrected, and too little to matter between two messages.
 */
const leadLoss = 1 / 1000;

const rounded = (timestampNs: bigint): bigint => ((timestampNs + stepNs - 1n) / stepNs) * stepNs;

/** Returns the least version above `version`. */
export function versionAfter(version: bigint): bigint {
  return rounded(version + 1n);
}

/** Reports whether a hybrid clock has created a version; also true for one in a thousand versions of original nodes. */
export function isHybridVersion(version: bigint): boolean {
  return version % stepNs === 0n;
}

export class HybridClock {
  private readonly clock: Clock;
  /** How far a timestamp may be ahead of this machine's clock. */
  readonly aheadMsMax: number;
  private readonly aheadNsMax: bigint;
  private readonly leadNs: () => bigint;
  private last = 0n;
  /** The other node's reading that this clock keeps pace with, and when it arrived, by the monotonic clock. */
  private lead = { reading: 0n, atMs: 0 };
  /** How often the wall clock was set back and followed. */
  setBacks = 0;

  /**
   * `leadNs` returns how far versions are ahead of this machine's clock, at most `aheadMsMax`. Original nodes follow no
   * other clock: if theirs is fast, their versions win over later writes here unless those are dated alike.
   */
  constructor(clock: Clock, aheadMsMax: number, leadNs = (): bigint => 0n) {
    this.clock = clock;
    this.leadNs = leadNs;
    this.aheadMsMax = aheadMsMax;
    this.aheadNsMax = BigInt(Math.round(aheadMsMax)) * 1_000_000n;
  }

  /** Returns a version (ns since 1970) above all earlier and observed ones, unless the wall clock was set back. */
  next(): bigint {
    const now = this.now();
    const isSetBack = this.isFromFuture(this.last);
    if (isSetBack) this.setBacks++;
    this.last = now > this.last || isSetBack ? now : this.last + stepNs;
    return this.last;
  }

  /** Returns this clock's reading for other nodes. */
  reading(): bigint {
    const now = this.now();
    return now > this.last || this.isFromFuture(this.last) ? now : this.last;
  }

  /** Returns how far versions are ahead of this machine's clock, in nanoseconds; never negative. */
  leadNow(): bigint {
    // Read the wall clock first: it advances meanwhile.
    const wall = rounded(this.clock.wallNs());
    return this.reading() - wall;
  }

  /** Advances to another node's reading. Returns false, and does nothing, if that is too far ahead. */
  observe(reading: bigint): boolean {
    if (this.isTooFarAhead(reading)) return false;
    if (reading > this.last) this.last = rounded(reading);
    if (reading > this.now()) this.lead = { reading, atMs: this.clock.monotonicMs() };
    return true;
  }

  /** The wall clock, or what another node's clock must show by now, if that is later and plausible. */
  private now(): bigint {
    const wall = rounded(this.clock.wallNs() + this.leadNs());
    const passedMs = (this.clock.monotonicMs() - this.lead.atMs) * (1 - leadLoss);
    const led = rounded(this.lead.reading + BigInt(Math.floor(passedMs * 1e6)));
    return led > wall && !this.isFromFuture(led) ? led : wall;
  }

  /** Reports whether a timestamp is more than `aheadMsMax` ahead of this machine's clock. */
  isTooFarAhead(timestampNs: bigint): boolean {
    return timestampNs > this.clock.wallNs() + this.aheadNsMax;
  }

  /**
   * Reports whether a version cannot come from a node whose clock is nearly right: nodes' clocks may be `aheadMsMax`
   * apart, and a node accepts client timestamps that are ahead of its clock by as much again.
   */
  isFromFuture(version: bigint): boolean {
    return this.isTooFarAhead(version - this.aheadNsMax);
  }
}
