// Kicks, revocations and bans, as stores keep them.

import type { Revocation, StoredRevocation } from "../wire/revocations.ts";

/**
 * How long a kick is kept before it makes room for others. It ends connections that signed in before it, on gateways
 * that have not received it yet, and tolerates clocks that are ahead by less than this.
 */
export const kickKeptMs = 30 * 86_400_000;

/** The result of a kick or a revocation; `full`: the store has as many as the limit `revocations` allows. */
export type RevokeOutcome = { readonly result: "stored"; readonly id: bigint } | { readonly result: "full" };

/** A ban, or its end. */
export interface Ban {
  readonly app: string;
  readonly account: string;
  /** Tokens that were issued before then are refused for good; milliseconds since 1970. */
  readonly beforeMs: number;
  /** Until then nobody signs in as that account; milliseconds since 1970. 0 ends a ban. */
  readonly untilMs: number;
}

/** `unchanged`: the account was not banned. */
export type BanOutcome = RevokeOutcome | { readonly result: "unchanged" };

export interface RevocationStore {
  /**
   * Stores a kick or a revocation, replacing an earlier one of the same kind for the same account and device; the later
   * time of both counts. It takes an id. Kicks that are 30 days old make room for others.
   */
  revoke(revocation: Revocation): Promise<RevokeOutcome>;
  /** Bans an account, which is a revocation of its tokens, too, or ends its ban, which revives no token. */
  ban(ban: Ban): Promise<BanOutcome>;
  /** Kicks and revocations with ids above `after`, the smallest first, at most `limit`. */
  revocations(after: bigint, limit: number): Promise<readonly StoredRevocation[]>;
}
