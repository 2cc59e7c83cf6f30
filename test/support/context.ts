// A request as a logic service gets it from a gateway's link, for tests of one handler.

import { systemTimers } from "../../src/base/timers.ts";
import type { Context, GatewayLink } from "../../src/service/context.ts";
import { LinkBacklog } from "../../src/service/link-backlog.ts";
import { LinkContext } from "../../src/service/link-context.ts";
import type { Connection } from "../../src/transport/transport.ts";
import { MetaType } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";

/** A link's connection that takes everything. `wrote` is called for each answer. */
export function openConnection(outbound: Buffer, wrote: () => void = () => undefined): Connection {
  return {
    remoteAddress: "gate/1",
    isOpen: true,
    unsentBytes: 0,
    frameBytesMax: 1,
    outbound,
    reserve: () => {
      wrote();
      return 0;
    },
    identified() {},
    handOver() {},
    unreserve() {},
    send: () => true,
    close() {},
    fail() {},
  };
}

/** The context of a request without a body. */
export function contextOf(
  {
    command,
    account,
    channelId = "c",
    dest = "",
    sequence = 1,
  }: {
    readonly command: string;
    readonly account: string;
    readonly channelId?: string;
    readonly dest?: string;
    readonly sequence?: number;
  },
  connection: Connection = openConnection(Buffer.alloc(4096)),
): Context {
  const backlog = new LinkBacklog("gate", connection, systemTimers);
  const link: GatewayLink = { gateway: "gate", incarnation: "1", unanswered: 0, backlog, connection };
  const meta = [
    { key: "app", value: "app", type: MetaType.string },
    { key: "account", value: account, type: MetaType.string },
  ];
  const packet = Buffer.from(encodeLogicPacket({ command, sequence, dest, channelId, meta }, new Uint8Array(0)));
  const scan = new PacketScan();
  scanPacket(packet, scan);
  return new LinkContext(link, packet, scan, command, "app", 0);
}
