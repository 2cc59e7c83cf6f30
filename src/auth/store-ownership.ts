// The identity and the owner of a store. Processes compare the identities of their stores, to notice that they were
// given different ones by mistake; and a store records the cluster that owns it, so that two clusters never share one.
//
// A cluster is identified by the fingerprints of its keys for one environment. The rule, for every engine: a store
// without an owner becomes the first cluster's; a cluster that shares a key with the owner is the owner; any other is
// refused until the operator adopts the store, which gives it a new identity. The engines keep an identity and
// fingerprints and change both atomically.
//
// Copies of a store are different stores: a message store also gets a new identity when it is restored from a backup,
// and when the first cluster takes it.

import type { Log } from "../base/log.ts";
import { isPrintable, printable } from "../base/printable.ts";

const identityBytes = 16;
const identityPattern = /^[0-9a-f]{32}$/;
const fingerprintDigits = 32;
/** The bound on the fingerprints of a claim: those of four full key files. */
const claimedMax = 64;

export interface StoreClaim {
  /** Of this process's live cluster keys, in their order; empty for a standalone server. */
  readonly fingerprints: readonly string[];
  /** Whether the operator asks to take the store over from another owner. */
  readonly adopt: boolean;
}

/** Which store an engine has opened, for comparison and display. */
export interface StoreIdentity {
  readonly identity: string;
  /** The location as this process sees it, without a password, as `shownPlace` returns it. */
  readonly place: string;
}

/** The bound on a place in bytes of UTF-8: a handshake carries two of them in a message of 1 KiB. */
export const placeBytesMax = 160;

export const claimOfNobody: StoreClaim = claimOfOwner([]);

/** Returns 128 random bits in hexadecimal, as a store's identity. */
export function newStoreIdentity(): string {
  // Not node:crypto: loading it would take a store thread longer than loading its own code.
  return Buffer.from(crypto.getRandomValues(new Uint8Array(identityBytes))).toString("hex");
}

/** Reports whether a text is a valid store identity. */
export function isStoreIdentity(text: string): boolean {
  return identityPattern.test(text);
}

/**
 * Returns what a store records of a cluster key: the beginning of an HMAC, in hexadecimal. The fingerprint depends on
 * the environment, because clusters of different environments do not see each other.
 */
export function clusterFingerprint(clusterKey: Uint8Array, env: string): string {
  return new Bun.CryptoHasher("sha256", clusterKey)
    .update(`roost cluster fingerprint 1\n${env}`)
    .digest("hex")
    .slice(0, fingerprintDigits);
}

/**
 * The outcome of a claim. `kept`: the store is the claimant's already, or stays without an owner. `taken`: it had no
 * owner and becomes the claimant's. `adopted`: another owner's store becomes the claimant's and gets a new identity.
 * `refused`: it belongs to another owner.
 */
export type ClaimOutcome = "kept" | "taken" | "adopted" | "refused";

/** Applies the rule. The engine must turn `adopted` into a refusal while processes of the owner use the store. */
export function judgeClaim(owners: readonly string[], { fingerprints, adopt }: StoreClaim): ClaimOutcome {
  if (owners.length === 0) return fingerprints.length === 0 ? "kept" : "taken";
  if (owners.some((owner) => fingerprints.includes(owner))) return "kept";
  return adopt ? "adopted" : "refused";
}

/** Describes a refused claim to the operator. `store` names the store and its place: "The message store x.db". */
export function refusedClaimSentence(store: string, { fingerprints }: StoreClaim): string {
  const isStandalone = fingerprints.length === 0;
  return (
    (isStandalone
      ? `${store} belongs to a cluster. Check that it is the right store; `
      : `${store} belongs to another cluster: its owner has none of this process's keys, or another --env. ` +
        "Check that it is the right store, and --cluster-key-file and --env; ") +
    "to move the store here for good, stop the processes that use it and start once with --adopt."
  );
}

/** Describes a store with an unreadable identity to the operator. `store` names the store and its place. */
export function damagedIdentitySentence(store: string): string {
  return (
    `${store} does not say which store it is: its identity is not one row of 32 hexadecimal digits. ` +
    "If it is not being restored now, put a backup back, or start once with --adopt, which makes a new identity."
  );
}

/** Describes an adoption that fails because the store is in use. `store` names the store and its place. */
export function livingOwnerSentence(store: string): string {
  return (
    `${store} cannot be adopted: processes of its owner are at work on it; stop them first ` +
    "(a process that was killed counts for 30 s more)."
  );
}

/** Adds fingerprints of new keys; the old ones own the store until every process has the new keys. */
export function claimAlsoAs(claim: StoreClaim, fingerprints: readonly string[]): StoreClaim {
  const all = new Set([...fingerprints, ...claim.fingerprints]);
  return { ...claim, fingerprints: [...all].slice(0, claimedMax) };
}

/** Returns the claim of a recorded owner. It never adopts: an adoption happens once, and not from the next owner. */
export function claimOfOwner(fingerprints: readonly string[]): StoreClaim {
  return { fingerprints, adopt: false };
}

/** Logs what came of --adopt; does nothing if it was not given. `store` names the store and its place. */
export function logAdoption(log: Log, store: string, { adopt }: StoreClaim, outcome: ClaimOutcome): void {
  if (!adopt) return;
  log.warn(
    outcome === "adopted"
      ? `${store} is adopted and has a new identity; leave --adopt out from now on.`
      : `${store} is not another cluster's: --adopt was not needed; leave it out.`,
  );
}

/** Returns a place as it is shown to others: within its bound, without control characters. */
export function shownPlace(place: string): string {
  return shownText(place, placeBytesMax);
}

/** Reports whether a text is a valid place: not empty, within its bound, without control characters. */
export function isShownPlace(text: string): boolean {
  return text !== "" && Buffer.byteLength(text) <= placeBytesMax && isPrintable(text);
}

/** Returns a text made printable and cut to `bytesMax` bytes of UTF-8, including an ellipsis of three bytes. */
export function shownText(text: string, bytesMax: number): string {
  const plain = printable(text);
  if (Buffer.byteLength(plain) <= bytesMax) return plain;
  const bytes = new Uint8Array(bytesMax - Buffer.byteLength("…"));
  const { read } = new TextEncoder().encodeInto(plain, bytes);
  return `${plain.slice(0, read)}…`;
}
