// Which store a store is, and whose. Processes compare the identities of their stores, so that two that were given
// different ones by mistake notice it; and a store knows the clusters that may use it, so that two of them do not share one.
//
// A cluster is known by the fingerprints of its keys for one environment. The rule, for any engine: a store that is
// nobody's becomes that of the first cluster; a cluster that shares a key with the owner is the owner; anybody else is
// refused until told to adopt the store, which makes it another store with another identity. The engines keep an identity
// and fingerprints and change both in one atomic step.
//
// Copies of one store are different stores: a message store gets another identity also when it is restored from a backup,
// and when it becomes the first cluster's.

import type { Log } from "../base/log.ts";
import { isPrintable, printable } from "../base/printable.ts";

const identityBytes = 16;
const identityPattern = /^[0-9a-f]{32}$/;
const fingerprintDigits = 32;
/** Fingerprints of a claim: of four full files of keys. */
const claimedMax = 64;

/** Who opens a store. */
export interface StoreClaim {
  /** Of this process's live cluster keys, the first key's first; empty for a standalone server, which has none. */
  readonly fingerprints: readonly string[];
  /** The operator says that another owner's store is this process's now. */
  readonly adopt: boolean;
}

/** Which store an engine has opened, for others to compare and for people to read. */
export interface StoreIdentity {
  readonly identity: string;
  /** Where this process finds it, without a password, as `shownPlace` returns it. */
  readonly place: string;
}

/** The longest place that is told to others, in UTF-8: a handshake tells two of them in a message of 1 KiB. */
export const placeBytesMax = 160;

/** A standalone server's claim. */
export const claimOfNobody: StoreClaim = { fingerprints: [], adopt: false };

/** Returns 128 random bits, as a store's identity. */
export function newStoreIdentity(): string {
  // Without node:crypto, which would take a thread of the store longer to read than its own code.
  return Buffer.from(crypto.getRandomValues(new Uint8Array(identityBytes))).toString("hex");
}

/** Reports whether a text can be a store's identity. */
export function isStoreIdentity(text: string): boolean {
  return identityPattern.test(text);
}

/**
 * Returns what a store remembers of a cluster key: the beginning of an HMAC, in hexadecimal. Another environment has
 * another one, as clusters of different environments do not see each other.
 */
export function clusterFingerprint(clusterKey: Uint8Array, env: string): string {
  return new Bun.CryptoHasher("sha256", clusterKey)
    .update(`roost cluster fingerprint 1\n${env}`)
    .digest("hex")
    .slice(0, fingerprintDigits);
}

/**
 * What becomes of a claim: `kept`: the store is the claimant's, or nobody's and stays so; `taken`: it is nobody's and
 * becomes the claimant's; `adopted`: it is another's, becomes the claimant's and gets a new identity; `refused`: it is
 * another's.
 */
export type ClaimOutcome = "kept" | "taken" | "adopted" | "refused";

/** Applies the rule. `adopted` is right only if nobody uses the store any more, which the engine finds out. */
export function judgeClaim(owners: readonly string[], { fingerprints, adopt }: StoreClaim): ClaimOutcome {
  if (owners.length === 0) return fingerprints.length === 0 ? "kept" : "taken";
  if (owners.some((owner) => fingerprints.includes(owner))) return "kept";
  return adopt ? "adopted" : "refused";
}

/** What the operator is told of a refused claim. `store` names the store and its place, such as "The message store x.db". */
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

/** What the operator is told of a store whose identity cannot be read. `store` names the store and its place. */
export function damagedIdentitySentence(store: string): string {
  return (
    `${store} does not say which store it is: its identity is not one row of 32 hexadecimal digits. ` +
    "Put a backup back, or start once with --adopt, which makes a new identity."
  );
}

/** What the operator is told of an adoption while somebody uses the store. */
export function livingOwnerSentence(store: string): string {
  return `${store} cannot be adopted: processes of its owner are at work on it; stop them first (one that was killed counts for 30 s more).`;
}

/** Returns the claim with which a store is opened again: what was adopted once is not adopted from its next owner. */
export function withoutAdoption({ fingerprints }: StoreClaim): StoreClaim {
  return { fingerprints, adopt: false };
}

/**
 * Returns the claim of a process that has other keys now, with these fingerprints. It goes by those of before as well: the
 * store is still theirs, until every process of the cluster has the new keys.
 */
export function claimAlsoAs(claim: StoreClaim, fingerprints: readonly string[]): StoreClaim {
  const all = new Set([...fingerprints, ...claim.fingerprints]);
  return { ...claim, fingerprints: [...all].slice(0, claimedMax) };
}

/** Returns the claim of a process whose fingerprints have just become the owner's. */
export function claimOfOwner(fingerprints: readonly string[]): StoreClaim {
  return { fingerprints, adopt: false };
}

/** Tells the operator what came of --adopt; nothing if it was not given. `store` names the store and its place. */
export function tellAdoption(log: Log, store: string, { adopt }: StoreClaim, outcome: ClaimOutcome): void {
  if (!adopt) return;
  log.warn(
    outcome === "adopted"
      ? `${store} is adopted and has a new identity; leave --adopt out from now on.`
      : `${store} is not another cluster's: --adopt was not needed; leave it out.`,
  );
}

/** Returns a place as others are told it: cut to its bound, without control characters. */
export function shownPlace(place: string): string {
  return shownText(place, placeBytesMax);
}

/** Reports whether a text of another process can be a place: not empty, within its bound, without control characters. */
export function isShownPlace(text: string): boolean {
  return text !== "" && Buffer.byteLength(text) <= placeBytesMax && isPrintable(text);
}

/** Returns a text made printable, cut to `bytesMax` bytes of UTF-8, three of which mark a cut. */
export function shownText(text: string, bytesMax: number): string {
  const plain = printable(text);
  if (Buffer.byteLength(plain) <= bytesMax) return plain;
  const bytes = new Uint8Array(bytesMax - Buffer.byteLength("…"));
  const { read } = new TextEncoder().encodeInto(plain, bytes);
  return `${plain.slice(0, read)}…`;
}
