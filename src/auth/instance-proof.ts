// Proves that a registry entry belongs to a service of the cluster. A registry without a key accepts entries from
// anybody, so readers trust an entry only if its metadata carry an HMAC, under the cluster key, of all that other
// services act on: service, environment, zone, id, addresses and the covered metadata.
//
// During a key rotation a process has several keys. It adds a proof for each of them, and a reader accepts an entry if
// any of its own keys yields any of the proofs: two processes that share a key trust each other.
//
// A proof has no expiry, because clocks differ. An old copy of an entry stays valid, but it names an address of the
// same process, and another process that listens there now cannot prove a link (link-proof.ts).

import { timingSafeEqual } from "node:crypto";
import { fieldMac } from "./field-mac.ts";

/** The metadata key that holds the proofs, separated by commas. */
export const proofKey = "proof";

/** What a service registers about itself. */
export interface InstanceStatement {
  readonly env: string;
  /** The zone in which the registry keeps the entry; it is covered so that an id has a single proven entry. */
  readonly zone: string;
  readonly service: string;
  readonly id: string;
  readonly addrs: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
}

export type ProofVerdict = "proven" | "absent" | "wrong";

/** Half of the HMAC: 128 bits, in base64url. */
const proofBytes = 16;
const proofsMax = 16;
const proofsCharactersMax = proofsMax * 23;

/**
 * The covered metadata keys, besides those that begin with `tag.`. Keys that operators and the registry may set, such
 * as `weight` and `health`, are not covered. The list is part of the format: adding a key needs another proof beside
 * this one.
 */
const coveredKeys: ReadonlySet<string> = new Set([
  ...["id", "incarnation", "state", "zone", "version", "link", "keys", "protocol", "domain"],
  ...["sessions", "sessions-at", "messages", "messages-at"],
]);

/** Returns the statement's metadata with a proof for each key; at most 16 keys. */
export function withProof(
  statement: InstanceStatement,
  clusterKeys: readonly Uint8Array[],
): ReadonlyMap<string, string> {
  const fields = fieldsOf(statement);
  const proofs = clusterKeys.map((key) => proofOf(key, fields).toString("base64url"));
  return new Map([...statement.metadata, [proofKey, proofs.join(",")]]);
}

/** Reports whether metadata carry a proof, valid or not. */
export function hasProof(metadata: ReadonlyMap<string, string>): boolean {
  return (metadata.get(proofKey) ?? "") !== "";
}

export function judgeProof(statement: InstanceStatement, clusterKeys: readonly Uint8Array[]): ProofVerdict {
  const said = statement.metadata.get(proofKey);
  if (said === undefined || said === "") return "absent";
  if (said.length > proofsCharactersMax) return "wrong";
  const proofs = said.split(",").map((text) => Buffer.from(text, "base64url"));
  const fields = fieldsOf(statement);
  const isProven = clusterKeys.some((key) => {
    const right = proofOf(key, fields);
    return proofs.some((proof) => proof.length === right.length && timingSafeEqual(proof, right));
  });
  return isProven ? "proven" : "wrong";
}

function proofOf(clusterKey: Uint8Array, fields: readonly string[]): Buffer {
  return fieldMac(clusterKey, fields).subarray(0, proofBytes);
}

function fieldsOf({ env, zone, service, id, addrs, metadata }: InstanceStatement): string[] {
  // A registry splits addresses at commas.
  const addresses = addrs.flatMap((address) => address.split(",")).filter((address) => address !== "");
  const entries = [...metadata].filter(([key]) => coveredKeys.has(key) || key.startsWith("tag."));
  return [
    ...["roost instance 1", env, zone, service, id, String(addresses.length), ...addresses],
    ...entries.toSorted(([one], [other]) => (one < other ? -1 : 1)).flat(),
  ];
}
