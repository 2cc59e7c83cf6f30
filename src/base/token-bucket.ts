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

  /** Takes `cost` tokens; false, and none is taken, when fewer are left. A `nowMs` before the last one counts as the last one. */
  take(nowMs: number, cost = 1): boolean {
    this.fill(nowMs);
    if (this.tokens < cost) return false;
    this.tokens -= cost;
    return true;
  }

  /** Takes `cost` tokens, also those that are not there: they are paid back before anything else can be taken. */
  charge(nowMs: number, cost: number): void {
    this.fill(nowMs);
    this.tokens -= cost;
  }

  /** Tells whether `take` would succeed. */
  has(nowMs: number, cost = 1): boolean {
    this.fill(nowMs);
    return this.tokens >= cost;
  }

  /** How many of the tokens that it may hold are taken; more than all of them while it is in debt. */
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
