// Self-protection: if many leases expire at once, this node is more likely cut off than all those instances dead, so
// nothing is evicted until they are heard again. With many instances the share of silent ones decides; with few,
// whether any is heard at all, so that one dead instance of three is evicted after 90 s.

/** This many silent instances are believed dead, whatever their share, as long as another one is heard. */
const believedLosses = 10;
/** Silent instances are kept this long beyond their lease per listed instance, up to the protected lease. */
const keptPerInstanceMs = 30_000;
/** Protection ends after enough instances have been heard for one interval of renewals. */
const recoveredMs = 30_000;

/** The decision for one pass over the table. */
export interface Protection {
  readonly isOn: boolean;
  /** How long overdue instances are kept after their last renewal, in milliseconds; 0 if not at all. */
  readonly keptMs: number;
}

const off: Protection = { isOn: false, keptMs: 0 };

export class Guard {
  private readonly parts: { leaseMs: number; protectedLeaseMs: number; believedShare: number };
  private suspectedAtMs: number | undefined;

  /** `believedShare`, from 0 to 1, is the share of more than ten instances that may fall silent at once. */
  constructor(parts: Guard["parts"]) {
    this.parts = parts;
  }

  /**
   * Decides for `nowMs` (monotonic clock). `live` and `overdue`, a part of `live`, count instances that have renewed at
   * least once, without the registry's own nodes. Instances that never renewed prove nothing: a stranger may have left
   * any number of them, and they all fall silent at once.
   */
  assess(nowMs: number, live: number, overdue: number): Protection {
    const { leaseMs, protectedLeaseMs, believedShare } = this.parts;
    const isFew = live <= believedLosses;
    // A lone instance that falls silent is dead: there is no other to judge by, and nothing to lose.
    const isSuspicious = isFew
      ? live > 1 && overdue === live
      : overdue > Math.max(believedLosses, live * believedShare);
    if (isSuspicious) this.suspectedAtMs = nowMs;
    else if (this.suspectedAtMs !== undefined && nowMs - this.suspectedAtMs > recoveredMs)
      this.suspectedAtMs = undefined;
    if (this.suspectedAtMs === undefined) return off;
    return { isOn: true, keptMs: Math.min(protectedLeaseMs, leaseMs + live * keptPerInstanceMs) };
  }
}
