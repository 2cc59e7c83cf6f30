// What a service says of itself over its links: in its answer to the handshake, and then in the body of a basic ping
// every few seconds, and at once when it changes.

import { create, toBinary } from "@bufbuild/protobuf";
import { decodeBody } from "../../wire/body.ts";
import { LinkStateSchema } from "../../wire/gen/pkt_pb.ts";
import { BasicCode, encodeBasicPacket } from "../../wire/packet.ts";

/** Between two pings of a link, by either side. */
export const heartbeatMs = 3_000;
/** A peer that is silent for this long is dead. */
export const silentMsMax = 15_000;

/** How a service is. */
export interface LinkState {
  /** Requests under way; for the choice of the least loaded node. */
  readonly load: number;
  /** It can serve everyone; until then, and when it leaves, nothing is sent to it. */
  readonly isAdult: boolean;
}

/** `load: 0`, spelled out: protobuf leaves out what is zero, and a ping with an empty body carries no state. */
const nothing = Uint8Array.of(0x08, 0x00);

/** The ping that carries a state. */
export function encodeLinkState(state: LinkState): Uint8Array {
  const body = toBinary(LinkStateSchema, create(LinkStateSchema, state));
  return encodeBasicPacket(BasicCode.Ping, body.length === 0 ? nothing : body);
}

/** The state in a ping's body; undefined when there is none. */
export function decodeLinkState(body: Uint8Array): LinkState | undefined {
  return body.length === 0 ? undefined : decodeBody(LinkStateSchema, body);
}
