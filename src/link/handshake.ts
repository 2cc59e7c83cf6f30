// The handshake of a link between services: three frames, no clocks.
//
//   dialler   InnerHandshakeReq       its identity, its nonce, hints of its keys
//   acceptor  InnerHandshakeResponse  its identity, nonce, proof and state; or a refusal with its proof
//   dialler   InnerHandshakeReq       its proof; or a refusal with its proof
//
// While the cluster's key is being changed, a process has several. One key proves a meeting: the acceptor chooses its
// first key that the dialler has, too; the dialler accepts a proof by any of its keys and answers with the same one. So
// two processes link if they share a key, whatever its position.
//
// Programs of versions without hints have one key. As an acceptor, such a program proves that key, and a dialler links
// if it has that key at any position. As a dialler it gives no hints, so the acceptor proves its own first key: the
// link is established only if that is the old program's key. So an old gateway links to a new node while the old key is
// the first one in the node's file, and a new gateway to an old node while the old key is anywhere in the gateway's
// file.
//
// The proofs cover the address that the dialler dialled and the one that the acceptor advertises, and a link is
// accepted only if both are equal: behind address translation, too, others dial what is advertised. A dialler of the
// previous release does not mark its nonce and gets proofs without addresses. An acceptor of that release answers a
// marked nonce with a proof without addresses, which no later release does; the dialler accepts it unless the
// acceptor's entry in the registry has a proof, as entries of later releases have.
//
// Two processes that start under one id at the same moment may each be linked to a node of a service, and be refused by
// the other's. One has to stay: the greater incarnation learns that its id is contested, and asks again while the
// lesser one ends. A lesser one that has been linked for long does not end: then the greater one gives up
// (dependency.ts).
//
// Anything else, or nothing within three seconds, ends this connection and no other. Once the link stands, the
// handshake hands the connection over to the link's handler.
//
// This file holds what both sides share; they are in accepting-handshake.ts and dialling-handshake.ts.

import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { LinkIdentity, Meeting, MeetingAddresses } from "../auth/link-proof.ts";
import { linkFrameBytesMax } from "../base/limits/fixed.ts";
import type { Connection } from "../transport/transport.ts";
import { type CloseReason, CloseCode } from "../wire/close-reason.ts";

export const handshakeMsMax = 3_000;
export const nonceBytes = 32;
/** A service id, a service's name, an incarnation: parts of keys and of log lines. */
const namePattern = /^[A-Za-z0-9.-]{1,40}$/;

export const closeTooLate: CloseReason = { code: CloseCode.Limit, text: "no handshake in time" };

/** Reports whether the dialler dialled another address than the acceptor advertises; false if one is undefined. */
export function isElsewhere(meeting: Meeting): meeting is Meeting & { readonly addresses: MeetingAddresses } {
  const { addresses } = meeting;
  return addresses !== undefined && addresses.dialled !== addresses.advertised;
}

/** The peer has proven its identity: it may send packets of a link. */
export function stands(connection: Connection): void {
  connection.identified();
  connection.frameBytesMax = linkFrameBytesMax;
}

export function isIdentity({ id, service, incarnation }: LinkIdentity): boolean {
  return [id, service, incarnation].every((name) => namePattern.test(name));
}

export function send<Desc extends DescMessage>(
  connection: Connection,
  schema: Desc,
  init: MessageInitShape<Desc>,
): void {
  connection.send(toBinary(schema, create(schema, init)));
}
