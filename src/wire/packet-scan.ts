// Scans a packet in place: finds the offsets of its parts, without a string, view or object for each packet.
//
// Invariant: `decodePacket` accepts and refuses the same headers for the same reasons, and reads the same values from
// them; a fuzzer compares both with the generated decoder of the server. Both are stricter than that one: a known field
// of another wire type, a group, a nested length beyond its message, and a varint above ten bytes are faults. Of a
// repeated singular field the last one counts, as in protobuf, but the header is not plain.
//
//   logic  c3 11 a3 65 · headerLength u32 · header · bodyLength u32 · body
//   basic  c3 15 a7 65 · code u16 · length u16 · body
//   header fields, each after its tag (number << 3 | wire type):
//     0a command  12 channelId  18 sequence  20 flag  28 status  32 dest  3a meta  7d ticket (fixed32, little-endian)
//   meta fields: 0a key  12 value  18 type

import { headerBytesMax } from "../base/limits/fixed.ts";
import { type CloseReason, closeHeaderTooLarge, closeProtocolFault } from "./close-reason.ts";
import { basicMagic, basicOverheadBytes, logicMagic, logicOverheadBytes } from "./magic.ts";
import { equals, keyAccount, keyApp, keyChannels, keyPlain, keyServer } from "./meta-keys.ts";
import { faultField, faultLength, faultMagic, faultShort } from "./packet-faults.ts";
import { next, readTag, readU32, readVarint, skipField } from "./proto-reader.ts";
import { isUtf8 } from "./utf8.ts";

export const PacketKind = { Malformed: 0, Basic: 1, Logic: 2 } as const;
export type PacketKind = (typeof PacketKind)[keyof typeof PacketKind];

/** The result of a scan, overwritten by the next: reuse one object. Offsets refer to the scanned bytes. */
export class PacketScan {
  kind: PacketKind = PacketKind.Malformed;
  fault: CloseReason | undefined = undefined;
  basicCode = 0;
  start = 0;
  headerStart = 0;
  headerEnd = 0;
  bodyStart = 0;
  bodyEnd = 0;
  /** Offsets of values; -1 for an absent field. */
  commandStart = -1;
  commandEnd = -1;
  channelIdStart = -1;
  channelIdEnd = -1;
  destStart = -1;
  destEnd = -1;
  /** `sequence` is unsigned; `flag` and `status` are signed, like protobuf's open enums. */
  sequence = 0;
  flag = 0;
  status = 0;
  /** Unsigned; -1 if absent. */
  ticket = -1;
  metas = 0;
  /**
   * Whether a client's header can be used unchanged: no channelId, reserved meta, ticket, repeated singular field or
   * unknown field. Otherwise it must be cleaned (packet-clean.ts). Metas with other keys are plain.
   */
  isPlain = false;
  /** Values of the reserved metas; of repeated keys the last. */
  appStart = -1;
  appEnd = -1;
  accountStart = -1;
  accountEnd = -1;
  serverStart = -1;
  serverEnd = -1;
  channelsStart = -1;
  channelsEnd = -1;
  plainStart = -1;
  plainEnd = -1;
  /** The start of the dest.* metas and the ticket at the end of the header; headerEnd if there are none. */
  tailStart = 0;
  /** Whether a dest.* meta or a ticket precedes tailStart, too, so that removing the tail is not enough. */
  hasStrayRouting = false;
}

const faultFields = closeProtocolFault("too many fields in the packet header");

/** The number of metas that the current header may still have; each odd field takes one. -1: there were too many. */
let fieldsLeft = 0;

/**
 * Scans a packet (a frame's payload) into `into`; never throws. `headerMax` bounds the header in bytes: the default is
 * for clients; between services, stamps and channel lists add to it, and the bound on frames is sufficient. `fieldsMax`
 * bounds the time: it counts metas and, also inside metas, repeated and unknown fields. Use headerFieldsMax for packets
 * from clients.
 */
export function scanPacket(
  packet: Uint8Array,
  into: PacketScan,
  headerMax = headerBytesMax,
  fieldsMax = headerMax,
): void {
  scanPacketAt(packet, 0, packet.length, into, headerMax, fieldsMax);
}

/** Like `scanPacket`, for the packet bytes[start, end), so that the caller needs no view. */
export function scanPacketAt(
  bytes: Uint8Array,
  start: number,
  end: number,
  into: PacketScan,
  headerMax = headerBytesMax,
  fieldsMax = headerMax,
): void {
  fieldsLeft = fieldsMax;
  into.fault = undefined;
  into.start = start;
  const isShort = end - start < basicOverheadBytes;
  const magic = isShort ? 0 : readU32(bytes, start);
  if (magic === logicMagic) scanLogic(bytes, start, end, into, headerMax);
  else if (magic === basicMagic) scanBasic(bytes, start, end, into);
  else refuse(into, isShort ? faultShort : faultMagic);
}

function refuse(into: PacketScan, fault: CloseReason): void {
  into.kind = PacketKind.Malformed;
  into.fault = fault;
  into.isPlain = false;
}

function scanBasic(packet: Uint8Array, start: number, end: number, into: PacketScan): void {
  if (basicOverheadBytes + ((packet[start + 6]! << 8) | packet[start + 7]!) !== end - start) {
    refuse(into, faultLength);
    return;
  }
  into.kind = PacketKind.Basic;
  into.isPlain = false;
  into.basicCode = (packet[start + 4]! << 8) | packet[start + 5]!;
  into.bodyStart = start + basicOverheadBytes;
  into.bodyEnd = end;
}

function scanLogic(packet: Uint8Array, start: number, end: number, into: PacketScan, headerMax: number): void {
  const headerBytes = readU32(packet, start + 4);
  if (headerBytes > headerMax) {
    refuse(into, closeHeaderTooLarge);
    return;
  }
  if (headerBytes > end - start - logicOverheadBytes) {
    refuse(into, faultLength);
    return;
  }
  const headerStart = start + 8;
  const headerEnd = headerStart + headerBytes;
  if (readU32(packet, headerEnd) !== end - start - logicOverheadBytes - headerBytes) {
    refuse(into, faultLength);
    return;
  }
  into.headerStart = headerStart;
  into.headerEnd = headerEnd;
  into.bodyStart = headerEnd + 4;
  into.bodyEnd = end;
  if (scanHeader(packet, into)) into.kind = PacketKind.Logic;
  else refuse(into, fieldsLeft < 0 ? faultFields : faultField);
}

function scanHeader(packet: Uint8Array, into: PacketScan): boolean {
  into.commandStart = into.commandEnd = -1;
  into.channelIdStart = into.channelIdEnd = -1;
  into.destStart = into.destEnd = -1;
  into.sequence = into.flag = into.status = 0;
  into.ticket = -1;
  into.isPlain = true;
  into.appStart = into.appEnd = -1;
  into.accountStart = into.accountEnd = -1;
  into.serverStart = into.serverEnd = -1;
  into.channelsStart = into.channelsEnd = -1;
  into.plainStart = into.plainEnd = -1;
  into.hasStrayRouting = false;
  const end = into.headerEnd;
  let tail = -1;
  let metas = 0;
  let seen = 0;
  let at = into.headerStart;
  while (at < end) {
    const fieldStart = at;
    const tag = readTag(packet, at, end);
    at = next;
    if (at < 0) return false;
    let isRouting = false;
    switch (tag) {
      case 0x0a:
      case 0x12:
      case 0x32: {
        const length = readVarint(packet, at, end);
        const start = next;
        if (start < 0 || length > end - start) return false;
        at = start + length;
        if (!isUtf8(packet, start, at)) return false;
        if (tag === 0x0a) {
          into.commandStart = start;
          into.commandEnd = at;
        } else if (tag === 0x32) {
          into.destStart = start;
          into.destEnd = at;
        } else {
          into.channelIdStart = start;
          into.channelIdEnd = at;
          into.isPlain = false;
        }
        break;
      }
      case 0x18:
        into.sequence = readVarint(packet, at, end);
        at = next;
        break;
      case 0x20:
        into.flag = readVarint(packet, at, end) | 0;
        at = next;
        break;
      case 0x28:
        into.status = readVarint(packet, at, end) | 0;
        at = next;
        break;
      case 0x3a: {
        const length = readVarint(packet, at, end);
        const start = next;
        if (start < 0 || length > end - start) return false;
        at = start + length;
        if (++metas > fieldsLeft) {
          fieldsLeft = -1;
          return false;
        }
        const meta = scanMeta(packet, start, at, into);
        if (meta === metaMalformed) return false;
        isRouting = meta === metaRouting;
        break;
      }
      case 0x7d:
        if (end - at < 4) return false;
        into.ticket = (packet[at]! | (packet[at + 1]! << 8) | (packet[at + 2]! << 16) | (packet[at + 3]! << 24)) >>> 0;
        at += 4;
        into.isPlain = false;
        isRouting = true;
        break;
      default:
        if (isHeaderField(tag >>> 3)) return false;
        at = skipField(packet, at, end, tag & 7);
        if (!isOddAllowed(into)) return false;
    }
    if (at < 0) return false;
    if (tag <= 0x7d && tag !== 0x3a) {
      const bit = 1 << (tag >>> 3);
      if ((seen & bit) !== 0 && !isOddAllowed(into)) return false;
      seen |= bit;
    }
    if (!isRouting) {
      if (tail >= 0) into.hasStrayRouting = true;
      tail = -1;
    } else if (tail < 0) {
      tail = fieldStart;
    }
  }
  into.metas = metas;
  into.tailStart = tail < 0 ? end : tail;
  return true;
}

/** Counts a repeated or unknown field, which makes the header not plain; returns false if there are too many. */
function isOddAllowed(into: PacketScan): boolean {
  into.isPlain = false;
  return --fieldsLeft >= 0;
}

/** Reports whether a number belongs to Header: with another wire type it is a fault, not an unknown field. */
const isHeaderField = (number: number): boolean => number <= 7 || number === 15;

const metaMalformed = 0;
const metaOther = 1;
/** One of dest.*, which the gateway removes. */
const metaRouting = 2;

/** Scans a Meta message in packet[start, end); records the value of a reserved key. */
function scanMeta(packet: Uint8Array, start: number, end: number, into: PacketScan): number {
  let keyStart = start;
  let keyEnd = start;
  let valueStart = start;
  let valueEnd = start;
  let seen = 0;
  let at = start;
  while (at < end) {
    const tag = readTag(packet, at, end);
    at = next;
    if (at < 0) return metaMalformed;
    switch (tag) {
      case 0x0a:
      case 0x12: {
        const length = readVarint(packet, at, end);
        const text = next;
        if (text < 0 || length > end - text) return metaMalformed;
        at = text + length;
        if (!isUtf8(packet, text, at)) return metaMalformed;
        if (tag === 0x0a) {
          keyStart = text;
          keyEnd = at;
        } else {
          valueStart = text;
          valueEnd = at;
        }
        break;
      }
      case 0x18:
        readVarint(packet, at, end);
        at = next;
        break;
      default: {
        const field = tag >>> 3;
        if (field >= 1 && field <= 3) return metaMalformed;
        at = skipField(packet, at, end, tag & 7);
        if (!isOddAllowed(into)) return metaMalformed;
      }
    }
    if (at < 0) return metaMalformed;
    if (tag <= 0x18) {
      const bit = 1 << (tag >>> 3);
      if ((seen & bit) !== 0 && !isOddAllowed(into)) return metaMalformed;
      seen |= bit;
    }
  }
  const keyBytes = keyEnd - keyStart;
  switch (keyBytes) {
    case 3:
      if (!equals(packet, keyStart, keyApp)) return metaOther;
      into.appStart = valueStart;
      into.appEnd = valueEnd;
      break;
    case 7:
      if (!equals(packet, keyStart, keyAccount)) return metaOther;
      into.accountStart = valueStart;
      into.accountEnd = valueEnd;
      break;
    case 10:
      if (!equals(packet, keyStart, keyPlain)) return metaOther;
      into.plainStart = valueStart;
      into.plainEnd = valueEnd;
      break;
    case 11:
      if (!equals(packet, keyStart, keyServer)) return metaOther;
      into.serverStart = valueStart;
      into.serverEnd = valueEnd;
      break;
    case 13:
      if (!equals(packet, keyStart, keyChannels)) return metaOther;
      into.channelsStart = valueStart;
      into.channelsEnd = valueEnd;
      break;
    default:
      return metaOther;
  }
  into.isPlain = false;
  return keyBytes > keyAccount.length ? metaRouting : metaOther;
}
