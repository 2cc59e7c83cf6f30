// The slow paths of packets whose headers cannot be used as they stand: decoded by the generated code, put right, and
// encoded anew, so that both ways of reading them agree.

import { MetaKey } from "../../wire/commands.ts";
import { linkHeaderBytesMax } from "../../base/limits/fixed.ts";
import type { Meta } from "../../wire/gen/pkt_pb.ts";
import { decodePacket, encodeLogicPacket, type LogicPacket } from "../../wire/packet.ts";

const reservedKeys: ReadonlySet<string> = new Set(Object.values(MetaKey));

const routingKeys: ReadonlySet<string> = new Set([MetaKey.DestServer, MetaKey.DestChannels]);

/** A client's request without channelId, ticket and reserved metas. It has passed the scanner as a logic packet. */
export function cleanPacket(packet: Buffer): Buffer {
  return rebuild(packet, ({ header: { command, sequence, flag, status, dest, meta } }) => ({
    command,
    sequence,
    flag,
    status,
    dest,
    meta: meta.filter(({ key }) => !reservedKeys.has(key)),
  }));
}

/** A service's packet with its dest.* metas at the header's end, where the downlink cuts them off. */
export function moveRoutingLast(packet: Buffer): Buffer {
  const isRouting = ({ key }: Meta): boolean => routingKeys.has(key);
  return rebuild(packet, ({ header }) => ({
    ...header,
    meta: [...header.meta.filter((meta) => !isRouting(meta)), ...header.meta.filter(isRouting)],
  }));
}

type HeaderInit = Parameters<typeof encodeLogicPacket>[0];

function rebuild(packet: Buffer, headerOf: (decoded: LogicPacket) => HeaderInit): Buffer {
  const decoded = decodePacket(packet, linkHeaderBytesMax);
  if (decoded.kind !== "logic") return packet;
  const bytes = encodeLogicPacket(headerOf(decoded), decoded.body);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
