// Proofs for the handshake of a link: each side shows that it knows the cluster key, for this handshake only.
//
// During a key rotation a process has several keys. The dialler names its keys by hints, and the acceptor chooses one
// that both have. A hint proves nothing: a side that claims a key without having it fails at the proof.

import { createHmac, timingSafeEqual } from "node:crypto";
import { fieldMac } from "./field-mac.ts";

/** One side of a link. */
export interface LinkIdentity {
  readonly id: string;
  readonly service: string;
  /** A new value for each start of a process. */
  readonly incarnation: string;
}

/** What both sides have sent in clear text. */
export interface Meeting {
  readonly dialler: LinkIdentity;
  readonly acceptor: Pick<LinkIdentity, "id" | "incarnation">;
  /** Random bytes that each side made for this handshake. */
  readonly diallerNonce: Uint8Array;
  readonly acceptorNonce: Uint8Array;
  /** Undefined if the release of one side does not cover addresses in its proofs. */
  readonly addresses?: MeetingAddresses;
}

/** Addresses of the acceptor, as `host:port`; a link is accepted only if both are equal. */
export interface MeetingAddresses {
  readonly dialled: string;
  /** The address that the acceptor announces. */
  readonly advertised: string;
}

/** The purpose of a proof. Each has its own label, so that no proof can be reflected or used for another purpose. */
export type ProofSide = "accept" | "refuse" | "contest" | "dial" | "decline";

/** The size of a key hint: two keys of one cluster rarely collide, and not at every dial. */
export const keyHintBytes = 4;

/** The last bytes of a nonce that announces proofs with addresses. A random nonce ends like this once in 2^64. */
const addressesMark = Buffer.from("address1");
const addressBytesMax = 300;

/** Marks a dialler's nonce in place, to announce that its proofs cover addresses; returns it. */
export function markNonce(nonce: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  nonce.set(addressesMark, nonce.length - addressesMark.length);
  return nonce;
}

/** Reports whether a nonce announces proofs with addresses. */
export function isMarked(nonce: Uint8Array): boolean {
  return addressesMark.equals(nonce.subarray(-addressesMark.length));
}

/** Reports whether a text is a valid meeting address: 1 to 300 bytes without blanks and control characters. */
export function isMeetingAddress(text: string): boolean {
  return Buffer.byteLength(text) <= addressBytesMax && /^[^\s\p{Cc}]+$/u.test(text);
}

/** Returns the HMAC-SHA-256 over the meeting. */
export function linkProof(clusterKey: Uint8Array, side: ProofSide, meeting: Meeting): Uint8Array<ArrayBuffer> {
  const { dialler, acceptor, diallerNonce, acceptorNonce, addresses } = meeting;
  const label = addresses === undefined ? side : `${side} at`;
  const texts = [label, dialler.id, acceptor.id, dialler.incarnation, acceptor.incarnation, dialler.service];
  if (addresses !== undefined) texts.push(addresses.dialled, addresses.advertised);
  return fieldMac(clusterKey, [...texts, diallerNonce, acceptorNonce]);
}

/** Reports whether `proof` equals what `linkProof` returns, in constant time. */
export function provesLink(proof: Uint8Array, clusterKey: Uint8Array, side: ProofSide, meeting: Meeting): boolean {
  const right = linkProof(clusterKey, side, meeting);
  return proof.length === right.length && timingSafeEqual(proof, right);
}

/** Returns the key of `clusterKeys` that yields `proof`, or undefined. */
export function provenKey(
  proof: Uint8Array,
  clusterKeys: readonly Uint8Array[],
  side: ProofSide,
  meeting: Meeting,
): Uint8Array | undefined {
  return clusterKeys.find((key) => provesLink(proof, key, side, meeting));
}

/**
 * Returns the hint by which a dialler names a key: the first bytes of an HMAC over the nonce of its hello. It reveals
 * nothing to others, not even that two dials use the same key.
 */
export function keyHint(clusterKey: Uint8Array, diallerNonce: Uint8Array): Buffer {
  return createHmac("sha256", clusterKey)
    .update("roost link key 1\n")
    .update(diallerNonce)
    .digest()
    .subarray(0, keyHintBytes);
}

/** Returns the first of `clusterKeys` that a dialler's hints name, or undefined. */
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
