// A token bucket of two numbers: it refills by the clock that its user passes, without a timer.

/** Allows `perSecond` on average and `burst` at once. */
export class TokenBucket {
  private readonly perMs: number;
  private readonly burst: number;
  private tokens: number;
  private filledMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.perMs = perSecond / 1000;
    this.burst = burst;
    this.tokens = burst;
    this.filledMs = nowMs;
  }

  /** Takes one token; false when none is left. A `nowMs` before the last one counts as the last one. */
  take(nowMs: number): boolean {
    if (nowMs > this.filledMs) {
      this.tokens = Math.min(this.burst, this.tokens + (nowMs - this.filledMs) * this.perMs);
      this.filledMs = nowMs;
    }
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
