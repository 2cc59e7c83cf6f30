// The state that a service announces over its links: in its answer to the handshake, then in the body of a basic ping
// every few seconds, and immediately when it changes.

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { decodeBody } from "../wire/body.ts";
import { type LinkState as LinkStateMessage, LinkStateSchema } from "../wire/gen/pkt_pb.ts";
import { BasicCode, encodeBasicPacket } from "../wire/packet.ts";
import { messageOfStores, type NodeStores, storesOfMessage } from "./node-stores.ts";

/** The interval between two pings of a link, on either side. */
export const heartbeatMs = 3_000;

/** The state of a service. */
export interface LinkState {
  /** The number of unanswered requests; for the choice of the least loaded node. */
  readonly load: number;
  /** Whether it can serve all accounts; before that, and when it leaves, it receives no requests. */
  readonly isReady: boolean;
  /** The stores that it uses. */
  readonly stores: NodeStores;
}

/** The ping that carries a state. Its body is never empty, even if the node is not ready and idle. */
export function encodeLinkState(state: LinkState): Uint8Array {
  return encodeBasicPacket(BasicCode.Ping, toBinary(LinkStateSchema, create(LinkStateSchema, messageOf(state))));
}

/** Returns a state as a message; it takes at most 430 bytes. */
export function messageOf({ load, isReady, stores }: LinkState): MessageInitShape<typeof LinkStateSchema> {
  return { load, isReady, ...messageOfStores(stores) };
}

/** Returns the state in a ping's body; undefined if the body is empty or malformed. */
export function decodeLinkState(body: Uint8Array): LinkState | undefined {
  return body.length === 0 ? undefined : linkStateOf(decodeBody(LinkStateSchema, body));
}

/** Returns the state in a message; undefined without a message. */
export function linkStateOf(message: LinkStateMessage | undefined): LinkState | undefined {
  return message && { load: message.load, isReady: message.isReady ?? false, stores: storesOfMessage(message) };
}
