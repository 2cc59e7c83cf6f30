// How many requests each key may make at this node, a second; those that name many receivers or accounts count once.

import { Code, ConnectError } from "@connectrpc/connect";
import { AccountBuckets } from "../base/account-buckets.ts";
import type { Clock } from "../base/clock.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { ApiKey } from "./keys/api-key.ts";

export class KeyRates {
  private readonly limits: Limits;
  private readonly buckets: AccountBuckets;

  constructor(limits: Limits, clock: Pick<Clock, "monotonicMs">) {
    const { apiRequestsPerSecond, apiRequestsAtOnce } = limits.values;
    this.limits = limits;
    this.buckets = new AccountBuckets(apiRequestsPerSecond, apiRequestsAtOnce, clock);
    limits.measure("apiRequestsAtOnce", () => this.buckets.largestUse);
  }

  /** Throws ResourceExhausted, with Retry-After, above the rate. */
  take({ app, id, name }: ApiKey): void {
    if (this.buckets.take(app, id)) return;
    const { apiRequestsPerSecond, apiRequestsAtOnce } = this.limits.values;
    this.limits.met("apiRequestsPerSecond", { app, key: name });
    throw new ConnectError(
      `the key makes too many requests: at most ${apiRequestsPerSecond} a second, ${apiRequestsAtOnce} at once`,
      Code.ResourceExhausted,
      { "retry-after": "1" },
    );
  }
}
