// A token bucket per account, so that accounts do not limit each other. A full bucket holds no information and is
// dropped: only accounts that have recently taken tokens use memory.

import type { Clock } from "./clock.ts";
import { accountKey } from "./account-key.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Full buckets are swept when this many exist, and then whenever the number has doubled since the last sweep. */
const sweepMin = 1_024;
/** About 15 MB. Beyond it the older half is dropped, full or not. */
const bucketsMax = 100_000;

export class AccountBuckets {
  private readonly perSecond: number;
  private readonly atOnce: number;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly debtMax: number;
  private buckets = new Map<string, TokenBucket>();
  private sweepAt = sweepMin;
  /** Keys of buckets that were empty after the last charge. */
  private readonly spent = new Set<string>();

  /** `debtMax` bounds the tokens that an account can owe. */
  constructor(perSecond: number, atOnce: number, clock: Pick<Clock, "monotonicMs">, debtMax = Infinity) {
    this.perSecond = perSecond;
    this.atOnce = atOnce;
    this.clock = clock;
    this.debtMax = debtMax;
  }

  get size(): number {
    return this.buckets.size;
  }

  /** The largest number of tokens that any account has taken, rounded up. */
  get largestUse(): number {
    const nowMs = this.clock.monotonicMs();
    let largest = 0;
    for (const bucket of this.buckets.values()) largest = Math.max(largest, bucket.taken(nowMs));
    return Math.ceil(largest);
  }

  /** Takes `cost` tokens of an account. Returns false, and takes none, if fewer are left. */
  take(app: string, account: string, cost = 1): boolean {
    const nowMs = this.clock.monotonicMs();
    const key = accountKey(app, account);
    const known = this.buckets.get(key);
    if (known !== undefined) return known.take(nowMs, cost);
    return cost <= this.atOnce && this.make(key, nowMs).take(nowMs, cost);
  }

  /** Reports whether `take` would succeed. */
  has(app: string, account: string, cost = 1): boolean {
    const known = this.buckets.get(accountKey(app, account));
    return known === undefined ? cost <= this.atOnce : known.has(this.clock.monotonicMs(), cost);
  }

  /** Takes `cost` tokens of an account even if fewer are left: for work whose cost is known only afterwards. */
  charge(app: string, account: string, cost = 1): void {
    const nowMs = this.clock.monotonicMs();
    const key = accountKey(app, account);
    const bucket = this.buckets.get(key) ?? this.make(key, nowMs);
    bucket.charge(nowMs, cost, this.debtMax);
    if (!bucket.has(nowMs)) this.spent.add(key);
  }

  /** Reports whether a charged account has no tokens left. Costs almost nothing while no account is in debt. */
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

  /** Copies into a new map: deleting a Map's oldest entries costs a walk over all entries deleted before. */
  private sweep(nowMs: number): void {
    let kept = [...this.buckets].filter(([, bucket]) => bucket.taken(nowMs) > 0);
    if (kept.length >= bucketsMax) kept = kept.slice(kept.length >> 1);
    this.buckets = new Map(kept);
    this.sweepAt = Math.min(bucketsMax, Math.max(sweepMin, 2 * kept.length));
    for (const key of this.spent) if (!this.buckets.has(key)) this.spent.delete(key);
  }
}
