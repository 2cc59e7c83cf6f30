// A token bucket of two numbers. It refills by the clock that its caller passes, without a timer.

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

  /** Takes `cost` tokens, or none and returns false if fewer are left. Ignores a `nowMs` before the last one. */
  take(nowMs: number, cost = 1): boolean {
    this.fill(nowMs);
    if (this.tokens < cost) return false;
    this.tokens -= cost;
    return true;
  }

  /**
   * Takes `cost` tokens even if fewer are left: the debt, at most `debtMax`, is repaid before anything else can be
   * taken. A negative cost returns tokens.
   */
  charge(nowMs: number, cost: number, debtMax = Infinity): void {
    this.fill(nowMs);
    this.tokens = Math.min(this.burst, Math.max(-debtMax, this.tokens - cost));
  }

  /** Reports whether `take` would succeed. */
  has(nowMs: number, cost = 1): boolean {
    this.fill(nowMs);
    return this.tokens >= cost;
  }

  /** Returns the number of tokens taken; more than the burst while in debt. */
  taken(nowMs: number): number {
    this.fill(nowMs);
    return this.burst - this.tokens;
  }

  private fill(nowMs: number): void {
    if (nowMs <= this.filledMs) return;
    this.tokens = Math.min(this.burst, this.tokens + (nowMs - this.filledMs) * this.perMs);
    this.filledMs = nowMs;
  }
}
