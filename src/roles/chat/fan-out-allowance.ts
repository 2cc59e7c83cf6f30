// What each account may cause at others: its talks and group changes are paid for by the deliveries that they make. One who
// is in debt is refused before anything is stored; what is stored is delivered, whatever it costs.
//
// Memory: an account that has paid its debts off and is at its full allowance again is forgotten; of those that are known,
// the one that has caused nothing for the longest time goes first when there are too many.

import type { Limits } from "../../base/limits/limits.ts";
import { Refusal } from "../../container/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** Some 20 MB. */
const accountsMax = 100_000;
/** A debt is forgiven beyond what is paid off in this time, in seconds. */
const debtSecondsMax = 30;
/** How many of the oldest are looked at when another account becomes known. */
const lookedAt = 4;

interface Balance {
  deliveries: number;
  atMs: number;
}

export class FanOutAllowance {
  private readonly limits: Limits;
  private readonly nowMs: () => number;
  /** Those that are not full, as far as was looked; in the order of use, the oldest first. */
  private readonly balances = new Map<string, Balance>();

  /** `nowMs` is a monotonic clock. */
  constructor(limits: Limits, nowMs: () => number = () => performance.now()) {
    this.limits = limits;
    this.nowMs = nowMs;
    limits.measure("fanOutAtOnce", () => this.largestUse());
  }

  /** Accounts that are known now. */
  get size(): number {
    return this.balances.size;
  }

  /** Throws RateLimited while the account has used its allowance up. */
  admit(app: string, account: string): void {
    if (this.balances.size === 0) return;
    const balance = this.balances.get(keyOf(app, account));
    if (balance === undefined || this.refilled(balance) > 0) return;
    this.limits.met("fanOutPerSecond", { app, account });
    throw new Refusal(Status.RateLimited, "your messages and group changes reach too many people at once, slow down");
  }

  /** Takes the cost of what the account has caused, or is about to; a negative cost is given back. */
  charge(app: string, account: string, deliveries: number): void {
    if (deliveries === 0) return;
    const { fanOutAtOnce, fanOutPerSecond } = this.limits.values;
    const key = keyOf(app, account);
    let balance = this.balances.get(key);
    if (balance === undefined) {
      if (deliveries < 0) return;
      this.forgetSome();
      balance = { deliveries: fanOutAtOnce, atMs: this.nowMs() };
    } else {
      this.refilled(balance);
      this.balances.delete(key);
    }
    const left = Math.min(fanOutAtOnce, balance.deliveries - deliveries);
    balance.deliveries = Math.max(left, -debtSecondsMax * fanOutPerSecond);
    this.balances.set(key, balance);
  }

  /** What an account has left, as of now. */
  private refilled(balance: Balance): number {
    const { fanOutAtOnce, fanOutPerSecond } = this.limits.values;
    const nowMs = this.nowMs();
    const earned = ((nowMs - balance.atMs) / 1000) * fanOutPerSecond;
    balance.deliveries = Math.min(fanOutAtOnce, balance.deliveries + earned);
    balance.atMs = nowMs;
    return balance.deliveries;
  }

  private forgetSome(): void {
    const { fanOutAtOnce } = this.limits.values;
    let looked = 0;
    for (const [key, balance] of this.balances) {
      const isFull = this.refilled(balance) >= fanOutAtOnce;
      if (isFull || this.balances.size >= accountsMax) this.balances.delete(key);
      if (++looked === lookedAt || (!isFull && this.balances.size < accountsMax)) return;
    }
  }

  private largestUse(): number {
    let largest = 0;
    for (const balance of this.balances.values()) {
      largest = Math.max(largest, this.limits.values.fanOutAtOnce - this.refilled(balance));
    }
    return Math.ceil(largest);
  }
}

/** A key that names cannot forge: the length of its first part comes first. */
function keyOf(app: string, account: string): string {
  return `${app.length}:${app}${account}`;
}
