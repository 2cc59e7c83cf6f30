// Self-protection: when many leases run out at once, it is more likely that this node cannot hear than that so many
// died; then nothing is forgotten until they can be heard again. Judged by shares where there are many instances, and
// by whether anybody at all is heard where there are few, so that one dead instance of three goes in 90 s.

/** So many silent instances are believed, however large a share they are, as long as somebody else is heard. */
const believedLosses = 10;
/** Silent instances are kept this long beyond their lease for each one that is listed, up to the protected lease. */
const keptPerInstanceMs = 30_000;
/** Protection ends when enough have been heard for this long: one interval of renewals. */
const recoveredMs = 30_000;

/** What the guard decides for one pass over the table. */
export interface Protection {
  readonly isOn: boolean;
  /** How long after their last renewal overdue instances are kept, in milliseconds; 0: not at all. */
  readonly keptMs: number;
}

const off: Protection = { isOn: false, keptMs: 0 };

export class Guard {
  private readonly leaseMs: number;
  private readonly protectedLeaseMs: number;
  private readonly believedShare: number;
  private suspectedAtMs: number | undefined;

  /** `believedShare` from 0 to 1: above ten, this share of the instances may fall silent at once. */
  constructor(parts: { leaseMs: number; protectedLeaseMs: number; believedShare: number }) {
    this.leaseMs = parts.leaseMs;
    this.protectedLeaseMs = parts.protectedLeaseMs;
    this.believedShare = parts.believedShare;
  }

  /**
   * Decides for this moment (monotonic clock). `live` and `overdue` count instances that have renewed at least once,
   * without the registry's own nodes; `overdue` is part of `live`. What never renewed proves nothing: a stranger may
   * have left any number of names, which all fall silent at once.
   */
  assess(nowMs: number, live: number, overdue: number): Protection {
    const isFew = live <= believedLosses;
    // A lone instance that falls silent is dead: there is nobody else by whom to judge, and nothing to lose.
    const isSuspicious = isFew
      ? live > 1 && overdue === live
      : overdue > Math.max(believedLosses, live * this.believedShare);
    if (isSuspicious) this.suspectedAtMs = nowMs;
    else if (this.suspectedAtMs !== undefined && nowMs - this.suspectedAtMs > recoveredMs)
      this.suspectedAtMs = undefined;
    if (this.suspectedAtMs === undefined) return off;
    return { isOn: true, keptMs: Math.min(this.protectedLeaseMs, this.leaseMs + live * keptPerInstanceMs) };
  }
}
