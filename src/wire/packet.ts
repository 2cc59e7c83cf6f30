// Packets as values, for code off the hot path: the sdk, sign-in, unusual headers, tests. Works in browsers: Uint8Array
// and DataView only. Encoders return new arrays; a decoded body is a view of the packet.
//
//   logic  c3 11 a3 65 · headerLength u32 · header (protobuf) · bodyLength u32 · body
//   basic  c3 15 a7 65 · code u16 · length u16 · body

import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { headerBytesMax } from "../base/limits/fixed.ts";
import { closeProtocolFault } from "./close-reason.ts";
import { type Header, HeaderSchema } from "./gen/pkt_pb.ts";
import { basicMagic, basicOverheadBytes, logicMagic, logicOverheadBytes } from "./magic.ts";
import { PacketKind, PacketScan, scanPacket } from "./packet-scan.ts";
import { ProtocolFault } from "./protocol-fault.ts";

export const BasicCode = { Ping: 1, Pong: 2 } as const;
export type BasicCode = (typeof BasicCode)[keyof typeof BasicCode];

export interface LogicPacket {
  readonly kind: "logic";
  readonly header: Header;
  readonly body: Uint8Array;
}

interface BasicPacket {
  readonly kind: "basic";
  /** A BasicCode; other numbers are well-formed and have no meaning. */
  readonly code: number;
  readonly body: Uint8Array;
}

/** Encodes a logic packet. Omitted header fields have their zero values. */
export function encodeLogicPacket(
  header: MessageInitShape<typeof HeaderSchema>,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const headerBytes = toBinary(HeaderSchema, create(HeaderSchema, header));
  const packet = new Uint8Array(logicOverheadBytes + headerBytes.length + body.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, logicMagic);
  view.setUint32(4, headerBytes.length);
  packet.set(headerBytes, 8);
  view.setUint32(8 + headerBytes.length, body.length);
  packet.set(body, logicOverheadBytes + headerBytes.length);
  return packet;
}

/** Encodes a basic packet. `body` has at most 65,535 bytes. */
export function encodeBasicPacket(code: BasicCode, body = new Uint8Array(0)): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(basicOverheadBytes + body.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, basicMagic);
  view.setUint16(4, code);
  view.setUint16(6, body.length);
  packet.set(body, basicOverheadBytes);
  return packet;
}

/** The heartbeat, `c3 15 a7 65 00 01 00 00`. Must not be modified. */
export const basicPing: Uint8Array<ArrayBuffer> = encodeBasicPacket(BasicCode.Ping);
/** The answer to a heartbeat, `c3 15 a7 65 00 02 00 00`. Must not be modified. */
export const basicPong: Uint8Array<ArrayBuffer> = encodeBasicPacket(BasicCode.Pong);

const scan = new PacketScan();

/**
 * Decodes a packet that the scanner accepts, so that both always agree; drops unknown header fields.
 * @param headerMax the maximum size of a header, in bytes
 * @throws ProtocolFault whose reason is 1009 for a header that is too long, 1002 for everything else
 */
export function decodePacket(packet: Uint8Array, headerMax = headerBytesMax): LogicPacket | BasicPacket {
  scanPacket(packet, scan, headerMax);
  switch (scan.kind) {
    case PacketKind.Malformed:
      throw new ProtocolFault(scan.fault ?? closeProtocolFault("malformed packet"));
    case PacketKind.Basic:
      return { kind: "basic", code: scan.basicCode, body: packet.subarray(scan.bodyStart, scan.bodyEnd) };
    case PacketKind.Logic: {
      const bytes = packet.subarray(scan.headerStart, scan.headerEnd);
      return {
        kind: "logic",
        header: fromBinary(HeaderSchema, bytes, { readUnknownFields: false }),
        body: packet.subarray(scan.bodyStart, scan.bodyEnd),
      };
    }
  }
}
