// The proof by which a service of a cluster is known in the registry. A registry without a key takes an entry from anybody,
// so an entry is believed only if its metadata carry an HMAC, under the cluster key, of what the entry says: service,
// environment, zone and id, the addresses where others dial it, and everything else that other services act on.
//
// A process has several keys while the cluster's key is changed. It proves its entry with each of them, and an entry is
// believed if one of the reader's keys gives one of its proofs: so two processes that share a key believe each other.
//
// A proof has no expiry, because clocks differ. A copy of a former entry of the same id remains provable: it names an address
// that this process had, and whoever answers there now cannot prove a link (link-proof.ts).

import { timingSafeEqual } from "node:crypto";
import { fieldMac } from "./field-mac.ts";

/** The key of the metadata in which the proofs stand, with commas between them. */
export const proofKey = "proof";

/** What a service says of itself in the registry. */
export interface InstanceStatement {
  readonly env: string;
  /** The zone in which the registry keeps the entry: so an id has one entry that is proven, and no second one elsewhere. */
  readonly zone: string;
  readonly service: string;
  readonly id: string;
  readonly addrs: readonly string[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** What an entry's proof is worth. */
export type ProofVerdict = "proven" | "absent" | "wrong";

/** Half of the HMAC: 128 bits, in base64url. */
const proofBytes = 16;
const proofsMax = 16;
const proofsCharactersMax = proofsMax * 23;

/**
 * Entries of the metadata that are covered, beside those that begin with `tag.`. Not covered are entries that operators and
 * the registry may set, such as `weight` and `health`. The list is a part of the format: whoever adds an entry makes
 * another proof beside this one.
 */
const coveredKeys: ReadonlySet<string> = new Set([
  ...["id", "incarnation", "state", "zone", "version", "link", "keys", "protocol", "domain"],
  ...["sessions", "sessions-at", "messages", "messages-at"],
]);

/** Returns the statement's metadata with a proof by each of the keys, of which there are at most 16. */
export function withProof(
  statement: InstanceStatement,
  clusterKeys: readonly Uint8Array[],
): ReadonlyMap<string, string> {
  const fields = fieldsOf(statement);
  const proofs = clusterKeys.map((key) => proofOf(key, fields).toString("base64url"));
  return new Map([...statement.metadata, [proofKey, proofs.join(",")]]);
}

/** Reports whether metadata carry a proof, right or wrong. */
export function hasProof(metadata: ReadonlyMap<string, string>): boolean {
  return (metadata.get(proofKey) ?? "") !== "";
}

/** Says whether one of the keys gives one of the proofs that an entry carries. */
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
