// Limits the deliveries that each account causes at this node: its talks and changes are charged by the number of
// deliveries, and what costs the store much as if it were some. An account in debt is refused before anything is
// stored; what is stored is always delivered.

import type { Clock } from "../../base/clock.ts";
import { AccountBuckets } from "../../base/account-buckets.ts";
import type { Limits } from "../../base/limits/limits.ts";
import { Refusal } from "../../service/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** A debt is forgiven beyond what is paid off in this time, in seconds. */
const debtSecondsMax = 30;
/** The deliveries of a push to one account, or to two, that are free. */
export const freeDeliveries = 2;

export class FanOutAllowance {
  private readonly limits: Limits;
  private readonly buckets: AccountBuckets;

  constructor(limits: Limits, clock: Pick<Clock, "monotonicMs">) {
    const { fanOutPerSecond, fanOutAtOnce } = limits.values;
    this.limits = limits;
    this.buckets = new AccountBuckets(fanOutPerSecond, fanOutAtOnce, clock, debtSecondsMax * fanOutPerSecond);
    limits.measure("fanOutAtOnce", () => this.buckets.largestUse);
  }

  /** Throws RateLimited while the payer (service/context.ts) has used its allowance up; never to a back end: ''. */
  admit(app: string, account: string): void {
    if (account === "" || !this.buckets.isSpent(app, account)) return;
    this.limits.met("fanOutPerSecond", { app, account });
    throw new Refusal(
      Status.RateLimited,
      "your messages and changes reach too many people, or too many messages, at once; slow down",
    );
  }

  /** Takes the cost of what the payer has caused, or is about to; a negative cost is given back. */
  charge(app: string, account: string, deliveries: number): void {
    if (deliveries !== 0 && account !== "") this.buckets.charge(app, account, deliveries);
  }
}
