// A bounded cache of account numbers. Numbers do not change within a life of the store (life.ts), so they need not be
// looked up for every message. Dropped with the life, and whenever the connection is lost.

import { accountKey } from "../../base/account-key.ts";
import { GenerationCache } from "../../base/generation-cache.ts";

const cachedMax = 100_000;

export class AccountNumbers {
  private readonly cached = new GenerationCache<bigint>(cachedMax);

  /** Returns null, for an SQL parameter, if the number is unknown. */
  find(app: string, name: string): bigint | null {
    return this.cached.get(accountKey(app, name)) ?? null;
  }

  /** Only for committed numbers. */
  remember(app: string, name: string, number: bigint): void {
    this.cached.set(accountKey(app, name), number);
  }
}
