// Proofs for the handshake of a link: each side shows that it knows the cluster's key, for this meeting only. Every field
// of what is proven is preceded by its length, so that no two meetings look the same.
//
// While a cluster's key is changed, a process has several. The dialler names its keys by hints, and the acceptor chooses one
// that both have. A hint is no proof: whoever claims a key that it does not have cannot prove it.

import { createHmac, timingSafeEqual } from "node:crypto";
import { fieldMac } from "./field-mac.ts";

/** One side of a link. */
export interface LinkIdentity {
  /** The service id; unique in the cluster. */
  readonly id: string;
  /** The service's name. */
  readonly service: string;
  /** Made at each start of a process. */
  readonly incarnation: string;
}

/** What both sides have said, in the open. */
export interface Meeting {
  readonly dialler: LinkIdentity;
  readonly acceptor: Pick<LinkIdentity, "id" | "incarnation">;
  /** Random bytes of each side, made for this meeting. */
  readonly diallerNonce: Uint8Array;
  readonly acceptorNonce: Uint8Array;
  /** Undefined if one side is of a release whose proofs do not cover them. */
  readonly addresses?: MeetingAddresses;
}

/** Where the two meet, as `host:port`; a link stands only if both are the same. */
export interface MeetingAddresses {
  readonly dialled: string;
  /** Where others dial the acceptor, by its own account. */
  readonly advertised: string;
}

/** Whose proof, and of what: all differ, so that none can be sent back or taken for another. */
export type ProofSide = "accept" | "refuse" | "contest" | "dial" | "decline";

/** A key's hint has so many bytes: enough that two keys of one cluster rarely share one, and never at each dial. */
export const keyHintBytes = 4;

/** The last bytes of a nonce whose maker covers addresses in its proofs. A random nonce ends like this once in 2^64. */
const addressesMark = Buffer.from("address1");
const addressBytesMax = 300;

/** Marks a dialler's nonce in place, which says that its proofs cover addresses; returns it. */
export function markNonce(nonce: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  nonce.set(addressesMark, nonce.length - addressesMark.length);
  return nonce;
}

/** Reports whether the maker of a nonce covers addresses in its proofs. */
export function isMarked(nonce: Uint8Array): boolean {
  return addressesMark.equals(nonce.subarray(-addressesMark.length));
}

/** Reports whether a text can be an address in a meeting: 1 to 300 bytes without blanks and control characters. */
export function isMeetingAddress(text: string): boolean {
  return Buffer.byteLength(text) <= addressBytesMax && /^[^\s\p{Cc}]+$/u.test(text);
}

/** HMAC-SHA-256 over the meeting (specified with the handshake). */
export function linkProof(clusterKey: Uint8Array, side: ProofSide, meeting: Meeting): Uint8Array<ArrayBuffer> {
  const { dialler, acceptor, diallerNonce, acceptorNonce, addresses } = meeting;
  const label = addresses === undefined ? side : `${side} at`;
  const texts = [label, dialler.id, acceptor.id, dialler.incarnation, acceptor.incarnation, dialler.service];
  if (addresses !== undefined) texts.push(addresses.dialled, addresses.advertised);
  return fieldMac(clusterKey, [...texts, diallerNonce, acceptorNonce]);
}

/** True when `proof` is the one that `linkProof` gives; takes the same time however much of it is right. */
export function provesLink(proof: Uint8Array, clusterKey: Uint8Array, side: ProofSide, meeting: Meeting): boolean {
  const right = linkProof(clusterKey, side, meeting);
  return proof.length === right.length && timingSafeEqual(proof, right);
}

/** Returns the key of `clusterKeys` that gives `proof`; undefined if none does. */
export function provenKey(
  proof: Uint8Array,
  clusterKeys: readonly Uint8Array[],
  side: ProofSide,
  meeting: Meeting,
): Uint8Array | undefined {
  return clusterKeys.find((key) => provesLink(proof, key, side, meeting));
}

/**
 * Returns the hint by which a dialler names a key: the beginning of an HMAC over the nonce of its hello. Who lacks the key
 * learns nothing from it, not even that two dials are made with the same one.
 */
export function keyHint(clusterKey: Uint8Array, diallerNonce: Uint8Array): Buffer {
  return createHmac("sha256", clusterKey)
    .update("roost link key 1\n")
    .update(diallerNonce)
    .digest()
    .subarray(0, keyHintBytes);
}

/** Returns the first of `clusterKeys` that one of a dialler's hints names; undefined if the dialler has none of them. */
export function hintedKey(
  clusterKeys: readonly Uint8Array[],
  hints: readonly Uint8Array[],
  diallerNonce: Uint8Array,
): Uint8Array | undefined {
  return clusterKeys.find((key) => {
    const own = keyHint(key, diallerNonce);
    return hints.some((hint) => own.equals(hint));
  });
}
