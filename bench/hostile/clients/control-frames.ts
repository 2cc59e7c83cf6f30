// Frames that are no requests: pings whose pongs nobody reads, pongs that nobody asked for, frames of no bytes,
// fragments of a message that never ends.

import { basicPong } from "../../../src/wire/packet.ts";
import { OpCode } from "../../../src/wire/opcode.ts";
import type { PlainTransport } from "../../server/target.ts";
import type { Attack } from "../attack.ts";
import { type Flood, flood, floods } from "../floods.ts";
import type { RawClient } from "../raw-client.ts";

/** The longest payload of a control frame (RFC 6455, 5.5). */
const pingPayload = Buffer.alloc(125, "p");
const pingers = 150;
const nothing = Buffer.alloc(0);
/** FIN is not set: the first fragment of a binary message, and one of those that follow. Masked with zeros. */
const firstFragment = Buffer.from([0x02, 0x80, 0, 0, 0, 0]);
const nextFragment = Buffer.from([0x00, 0x80, 0, 0, 0, 0]);

const framed =
  (payload: Uint8Array, opcode?: number) =>
  ({ dialect }: RawClient): Buffer =>
    dialect.frame(payload, opcode);

function unreadPings(transport: PlainTransport): Attack {
  return {
    name: `unread-pings-${transport}`,
    what: `${pingers} connections send pings of ${pingPayload.length} bytes and read nothing`,
    scene: "standalone",
    prepare: async (stage) => () =>
      floods(stage, pingers, {
        transport,
        account: "pinger",
        isDeaf: true,
        frame: framed(pingPayload, OpCode.Ping),
      }),
  };
}

function atFullSpeed(name: string, what: string, wish: Omit<Flood, "account">): Attack {
  return {
    name: `${name}-${wish.transport}`,
    what: `one connection sends ${what} at full speed`,
    scene: "standalone",
    prepare: async (stage) => () => flood(stage, { ...wish, account: "flooder" }),
  };
}

export const controlFrames: readonly Attack[] = [
  unreadPings("ws"),
  unreadPings("tcp"),
  atFullSpeed("empty-frames", "empty binary frames", { transport: "ws", frame: framed(nothing) }),
  atFullSpeed("empty-frames", "empty binary frames", { transport: "tcp", frame: framed(nothing) }),
  atFullSpeed("pongs", "pongs that nobody asked for", { transport: "ws", frame: framed(nothing, OpCode.Pong) }),
  atFullSpeed("pongs", "pongs that nobody asked for", { transport: "tcp", frame: framed(nothing, OpCode.Pong) }),
  atFullSpeed("basic-pongs", "pongs of the basic protocol", { transport: "tcp", frame: framed(basicPong) }),
  atFullSpeed("fragments", "empty fragments of a message that never ends", {
    transport: "ws",
    opening: () => firstFragment,
    frame: () => nextFragment,
  }),
];
