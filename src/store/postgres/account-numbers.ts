// The numbers of accounts that the database has told: a number does not change in one life of the store (life.ts), so that
// it need not be looked up for every message. Bounded. Forgotten with the life, and whenever the connection is lost.

import { accountKey } from "../../base/account-key.ts";
import { GenerationCache } from "../../base/generation-cache.ts";

const cachedMax = 100_000;

export class AccountNumbers {
  private readonly cached = new GenerationCache<bigint>(cachedMax);

  /** Null, as an SQL parameter, where it is not known. */
  find(app: string, name: string): bigint | null {
    return this.cached.get(accountKey(app, name)) ?? null;
  }

  /** Only for numbers that are committed. */
  remember(app: string, name: string, number: bigint): void {
    this.cached.set(accountKey(app, name), number);
  }
}
