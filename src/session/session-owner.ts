// What the engines of sessions share about their identity and owner (auth/store-ownership.ts): a record of both, and who
// counts as alive.

import { isStoreIdentity } from "../auth/store-ownership.ts";
import type { Log } from "../base/log.ts";
import { SessionsUnavailable } from "./sessions.ts";

/** This process may not use the store; the message is a sentence for the operator. */
export class ClaimRefused extends SessionsUnavailable {}

/** Login nodes renew leases this often; so often does whoever would adopt a store look at it. */
export const watchEveryMs = 500;
/** By so many readings in a row, nobody has renewed: some 5 s. */
const stillReadings = 11;

/**
 * Watches whether somebody renews leases in a store that would be adopted. One comparison of two clocks does not tell: either
 * may have been set, and a server that stood still may answer the adopter before the owner. Only readings that stay the same
 * do, each made `watchEveryMs` after the answer to the one before.
 */
export class OwnerWatch {
  private readonly log: Log;
  /** What sentences call the store. */
  private readonly store: string;
  private last: string | undefined;
  private readings = 0;

  constructor(log: Log, store: string) {
    this.log = log;
    this.store = store;
  }

  /**
   * Takes a reading of when somebody renewed last, as the store writes it. Returns `living` if somebody has renewed since the
   * reading before, and `unknown` if the store has to be read again.
   */
  saw(ticked: string): "living" | "unknown" {
    if (this.last === undefined)
      this.log.info(`${this.store} is watched before it is adopted: processes of its owner may be at work on it`, {
        seconds: ((stillReadings - 1) * watchEveryMs) / 1_000,
      });
    else if (this.last !== ticked) return "living";
    this.last = ticked;
    this.readings++;
    return "unknown";
  }

  /** The reading that has stayed the same for long enough; '' as long as there is none. */
  get still(): string {
    return this.readings < stillReadings ? "" : (this.last ?? "");
  }
}

const ownersPattern = /^([0-9a-f]{32}(,[0-9a-f]{32})*)?$/;

/** Returns fingerprints as one text. */
export function ownersText(fingerprints: readonly string[]): string {
  return [...new Set(fingerprints)].join(",");
}

/** Returns the fingerprints of a text; undefined if it is none that `ownersText` makes. */
export function readOwners(text: unknown): readonly string[] | undefined {
  if (typeof text !== "string" || !ownersPattern.test(text)) return undefined;
  return text === "" ? [] : text.split(",");
}

/** Returns a store's identity; undefined if the value is none. */
export function readIdentity(value: unknown): string | undefined {
  return typeof value === "string" && isStoreIdentity(value) ? value : undefined;
}
