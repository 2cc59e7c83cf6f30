// The common part of session engines' identity and owner (auth/store-ownership.ts): the record of both, and the check
// for living owners.

import { isStoreIdentity } from "../auth/store-ownership.ts";
import type { Log } from "../base/log.ts";
import { SessionsUnavailable } from "./sessions.ts";

/** This process may not use the store; the message is a sentence for the operator. */
export class ClaimRefused extends SessionsUnavailable {}

/** The interval at which login nodes renew leases, and at which an adopter reads the last renewal. */
export const watchEveryMs = 500;
/** After this many equal readings nobody renews: about 5 s. */
const stillReadings = 11;

/**
 * Watches whether another process renews leases in a store that is to be adopted. Comparing two clocks is not enough:
 * either may have been set, and a server that was suspended may answer the adopter before the owner. Only equal
 * readings are, each made `watchEveryMs` after the answer to the previous one.
 */
export class OwnerWatch {
  private readonly log: Log;
  private readonly store: string;
  private last: string | undefined;
  private readings = 0;

  constructor(log: Log, store: string) {
    this.log = log;
    this.store = store;
  }

  /**
   * Takes a reading of the last renewal, as the store writes it; '' if there was none yet, which a process that has
   * just started is about to change. Returns `living` if it has changed since the previous reading, and `unknown` if
   * the store has to be read again.
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

  /** The reading that has been stable for long enough; undefined if none has yet. */
  get still(): string | undefined {
    return this.readings < stillReadings ? undefined : this.last;
  }
}

const ownersPattern = /^([0-9a-f]{32}(,[0-9a-f]{32})*)?$/;

/** Encodes fingerprints as one text. */
export function ownersText(fingerprints: readonly string[]): string {
  return [...new Set(fingerprints)].join(",");
}

/** Decodes a text of `ownersText`; undefined if it is malformed. */
export function readOwners(text: unknown): readonly string[] | undefined {
  if (typeof text !== "string" || !ownersPattern.test(text)) return undefined;
  return text === "" ? [] : text.split(",");
}

/** Returns a store's identity; undefined if the value is malformed. */
export function readIdentity(value: unknown): string | undefined {
  return typeof value === "string" && isStoreIdentity(value) ? value : undefined;
}
