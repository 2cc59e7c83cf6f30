// A token bucket for each account that does something: what one causes is its own affair. One that is full again says nothing
// and is forgotten, so memory is held for those only who have taken something of late.

import type { Clock } from "./clock.ts";
import { accountKey } from "./account-key.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Buckets are looked through for full ones when there are this many, and then when there are twice as many as were left. */
const sweepMin = 1_024;
/** About 15 MB. Beyond it the older half is forgotten, full or not. */
const bucketsMax = 100_000;

export class AccountBuckets {
  private readonly perSecond: number;
  private readonly atOnce: number;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly debtMax: number;
  private buckets = new Map<string, TokenBucket>();
  private sweepAt = sweepMin;
  /** Buckets that were empty when something was last charged to them. */
  private readonly spent = new Set<string>();

  /** `debtMax`: tokens that an account may be charged beyond those that it has. */
  constructor(perSecond: number, atOnce: number, clock: Pick<Clock, "monotonicMs">, debtMax = Infinity) {
    this.perSecond = perSecond;
    this.atOnce = atOnce;
    this.clock = clock;
    this.debtMax = debtMax;
  }

  /** Accounts that have a bucket. */
  get size(): number {
    return this.buckets.size;
  }

  /** How much the account has taken that has taken most; in whole tokens. */
  get largestUse(): number {
    const nowMs = this.clock.monotonicMs();
    let largest = 0;
    for (const bucket of this.buckets.values()) largest = Math.max(largest, bucket.taken(nowMs));
    return Math.ceil(largest);
  }

  /** Takes `cost` of an account's tokens; false, and none is taken, if it has fewer. */
  take(app: string, account: string, cost = 1): boolean {
    const nowMs = this.clock.monotonicMs();
    const key = accountKey(app, account);
    const known = this.buckets.get(key);
    if (known !== undefined) return known.take(nowMs, cost);
    return cost <= this.atOnce && this.make(key, nowMs).take(nowMs, cost);
  }

  /** Tells whether `take` would succeed. */
  has(app: string, account: string, cost = 1): boolean {
    const known = this.buckets.get(accountKey(app, account));
    return known === undefined ? cost <= this.atOnce : known.has(this.clock.monotonicMs(), cost);
  }

  /** Takes `cost` of an account's tokens, also those that it does not have: for what is known only when it is done. */
  charge(app: string, account: string, cost = 1): void {
    const nowMs = this.clock.monotonicMs();
    const key = accountKey(app, account);
    const bucket = this.buckets.get(key) ?? this.make(key, nowMs);
    bucket.charge(nowMs, cost, this.debtMax);
    if (!bucket.has(nowMs)) this.spent.add(key);
  }

  /** Tells whether an account to which something was charged has no token left. Costs next to nothing while no account has none. */
  isSpent(app: string, account: string): boolean {
    if (this.spent.size === 0) return false;
    const key = accountKey(app, account);
    if (!this.spent.has(key)) return false;
    if (this.buckets.get(key)?.has(this.clock.monotonicMs()) === false) return true;
    this.spent.delete(key);
    return false;
  }

  private make(key: string, nowMs: number): TokenBucket {
    if (this.buckets.size >= this.sweepAt) this.sweep(nowMs);
    const bucket = new TokenBucket(this.perSecond, this.atOnce, nowMs);
    this.buckets.set(key, bucket);
    return bucket;
  }

  /** Into a new map: deleting the oldest entries of one costs a walk over all that were deleted before. */
  private sweep(nowMs: number): void {
    let kept = [...this.buckets].filter(([, bucket]) => bucket.taken(nowMs) > 0);
    if (kept.length >= bucketsMax) kept = kept.slice(kept.length >> 1);
    this.buckets = new Map(kept);
    this.sweepAt = Math.min(bucketsMax, Math.max(sweepMin, 2 * kept.length));
    for (const key of this.spent) if (!this.buckets.has(key)) this.spent.delete(key);
  }
}
