// What the engines of sessions share about their identity and owner (auth/store-ownership.ts): a record of both, and who
// counts as alive.

import { isStoreIdentity } from "../auth/store-ownership.ts";
import { SessionsUnavailable } from "./sessions.ts";

/** This process may not use the store; the message is a sentence for the operator. */
export class ClaimRefused extends SessionsUnavailable {}

/** Login nodes renew leases every half second. A store where nobody has done so for this long is nobody's at work. */
export const livingMs = 5_000;

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
