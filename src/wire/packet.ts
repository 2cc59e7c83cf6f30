// Packets as values, for code off the hot path: the sdk, sign-in, unusual headers, tests. Works in browsers: Uint8Array
// and DataView only. Encoders return new arrays; a decoded body is a view of the packet.
//
//   logic  c3 11 a3 65 · headerLength u32 · header (protobuf) · bodyLength u32 · body
//   basic  c3 15 a7 65 · code u16 · length u16 · body

import { headerBytesMax } from "../base/limits/fixed.ts";
import { type CloseReason, closeHeaderTooLarge } from "./close-reason.ts";
import { Header } from "./gen/messages/header.ts";
import { basicMagic, basicOverheadBytes, logicMagic, logicOverheadBytes } from "./magic.ts";
import { decodeMessage, encodeMessage } from "./message-codec.ts";
import type { MessageInit } from "./message-type.ts";
import { faultField, faultLength, faultMagic, faultShort } from "./packet-faults.ts";
import { readU32 } from "./proto-reader.ts";
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
export function encodeLogicPacket(header: MessageInit<Header>, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const headerBytes = encodeMessage(Header, header);
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

/**
 * Decodes a packet; drops unknown header fields. Accepts and refuses the same packets as the scanner (packet-scan.ts).
 * @param headerMax the maximum size of a header, in bytes
 * @throws ProtocolFault whose reason is 1009 for a header that is too long, 1002 for everything else
 */
export function decodePacket(packet: Uint8Array, headerMax = headerBytesMax): LogicPacket | BasicPacket {
  if (packet.length < basicOverheadBytes) throw new ProtocolFault(faultShort);
  switch (readU32(packet, 0)) {
    case logicMagic:
      return decodeLogic(packet, headerMax);
    case basicMagic:
      return decodeBasic(packet);
    default:
      throw new ProtocolFault(faultMagic);
  }
}

function decodeBasic(packet: Uint8Array): BasicPacket {
  const head = readU32(packet, 4);
  const body = packet.subarray(basicOverheadBytes);
  check((head & 0xffff) === body.length, faultLength);
  return { kind: "basic", code: head >>> 16, body };
}

function decodeLogic(packet: Uint8Array, headerMax: number): LogicPacket {
  const headerBytes = readU32(packet, 4);
  check(headerBytes <= headerMax, closeHeaderTooLarge);
  const bodyBytes = packet.length - logicOverheadBytes - headerBytes;
  check(bodyBytes >= 0 && readU32(packet, 8 + headerBytes) === bodyBytes, faultLength);
  const header = decodeMessage(Header, packet.subarray(8, 8 + headerBytes));
  if (header === undefined) throw new ProtocolFault(faultField);
  return { kind: "logic", header, body: packet.subarray(logicOverheadBytes + headerBytes) };
}

function check(isSound: boolean, fault: CloseReason): void {
  if (!isSound) throw new ProtocolFault(fault);
}
