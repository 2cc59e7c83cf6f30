// What a service says of itself over its links: in its answer to the handshake, and then in the body of a basic ping
// every few seconds, and at once when it changes.

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { decodeBody } from "../wire/body.ts";
import { type LinkState as LinkStateMessage, LinkStateSchema } from "../wire/gen/pkt_pb.ts";
import { BasicCode, encodeBasicPacket } from "../wire/packet.ts";
import { messageOfStores, type NodeStores, storesOfMessage } from "./node-stores.ts";

/** Between two pings of a link, by either side. */
export const heartbeatMs = 3_000;

/** How a service is. */
export interface LinkState {
  /** Requests under way; for the choice of the least loaded node. */
  readonly load: number;
  /** It can serve everyone; until then, and when it leaves, nothing is sent to it. */
  readonly isReady: boolean;
  /** Which stores it uses. */
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

/** What a message says of a state; undefined where there is no message. */
export function linkStateOf(message: LinkStateMessage | undefined): LinkState | undefined {
  return message && { load: message.load, isReady: message.isReady ?? false, stores: storesOfMessage(message) };
}
