// The slow path of a client's packet: a header that the scanner does not vouch for is decoded by the generated code,
// stripped of everything that only services may say, and encoded anew, so that both ways of reading it agree.

import { MetaKey } from "../../wire/commands.ts";
import { encodeLogicPacket, decodePacket } from "../../wire/packet.ts";

const reservedKeys: ReadonlySet<string> = new Set(Object.values(MetaKey));

/** The same request without channelId, ticket and reserved metas. The packet has passed the scanner as a logic packet. */
export function cleanPacket(packet: Buffer): Buffer {
  const decoded = decodePacket(packet);
  if (decoded.kind !== "logic") return packet;
  const { command, sequence, flag, status, dest, meta } = decoded.header;
  const cleaned = encodeLogicPacket(
    { command, sequence, flag, status, dest, meta: meta.filter(({ key }) => !reservedKeys.has(key)) },
    decoded.body,
  );
  return Buffer.from(cleaned.buffer, cleaned.byteOffset, cleaned.byteLength);
}
