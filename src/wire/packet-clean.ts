// Rewrites headers that cannot be used unchanged by copying ranges, without decoding, so that an unusual header costs
// little more than a usual one. Packets are only read; the result is a new buffer.
//
// Both functions take a logic packet that the scanner has accepted, and walk its header again: tags and lengths are
// valid.

import { logicOverheadBytes } from "./magic.ts";
import { isReservedKey, isRoutingKey } from "./meta-keys.ts";
import type { PacketScan } from "./packet-scan.ts";
import { next, readTag, readVarint, skipField } from "./proto-reader.ts";
import { writeU32, writeVarint } from "./proto-writer.ts";

/** The tags of Header's singular fields that clients may set: command, sequence, flag, status, dest. */
const clientTags = [0x0a, 0x18, 0x20, 0x28, 0x32] as const;
/** The tags of Meta: key, value, type. */
const metaTags = [0x0a, 0x12, 0x18] as const;

/** The range of the last field of each number below 8, including its tag; its end is 0 if there is none. */
class LastFields {
  readonly starts = new Int32Array(8);
  readonly ends = new Int32Array(8);

  note(tag: number, start: number, end: number): void {
    this.starts[tag >>> 3] = start;
    this.ends[tag >>> 3] = end;
  }

  clear(): void {
    this.ends.fill(0);
  }

  bytesOf(tags: readonly number[]): number {
    let bytes = 0;
    for (const tag of tags) {
      const end = this.ends[tag >>> 3] ?? 0;
      if (end > 0) bytes += end - (this.starts[tag >>> 3] ?? 0);
    }
    return bytes;
  }

  /** Copies the fields with these tags; returns the offset behind them. */
  copy(tags: readonly number[], packet: Buffer, target: Buffer, at: number): number {
    for (const tag of tags) {
      const end = this.ends[tag >>> 3] ?? 0;
      if (end > 0) at += packet.copy(target, at, this.starts[tag >>> 3], end);
    }
    return at;
  }
}

const headerFields = new LastFields();
const metaFields = new LastFields();

/** Returns the offset behind the field whose tag was read up to `next`. */
function fieldEnd(packet: Buffer, end: number, tag: number): number {
  return skipField(packet, next, end, tag & 7);
}

/**
 * Makes a client's packet plain: removes channelId, ticket, reserved metas, unknown fields, and all but the last of
 * repeated fields. Metas keep their order and come first.
 */
export function cleanPacket(packet: Buffer, scan: PacketScan): Buffer {
  const { headerStart, headerEnd, bodyStart, bodyEnd } = scan;
  const cleaned = Buffer.allocUnsafe(bodyEnd - bodyStart + headerEnd - headerStart + logicOverheadBytes);
  let to = 8;
  headerFields.clear();
  for (let at = headerStart; at < headerEnd;) {
    const start = at;
    const tag = readTag(packet, at, headerEnd);
    const valueAt = next;
    at = fieldEnd(packet, headerEnd, tag);
    if (tag === 0x3a) to = copyMeta(packet, valueAt, at, cleaned, to);
    else if (tag <= 0x32) headerFields.note(tag, start, at);
  }
  to = headerFields.copy(clientTags, packet, cleaned, to);
  return finish(packet, scan, cleaned, to);
}

/** Copies a meta (packet[at, end) are length and value) unless its key is reserved; returns the offset behind it. */
function copyMeta(packet: Buffer, at: number, end: number, target: Buffer, to: number): number {
  readVarint(packet, at, end);
  metaFields.clear();
  let keyStart = 0;
  let keyEnd = 0;
  for (at = next; at < end;) {
    const start = at;
    const tag = readTag(packet, at, end);
    const valueAt = next;
    at = fieldEnd(packet, end, tag);
    if (tag > 0x18) continue;
    metaFields.note(tag, start, at);
    if (tag !== 0x0a) continue;
    readVarint(packet, valueAt, at);
    keyStart = next;
    keyEnd = at;
  }
  if (isReservedKey(packet, keyStart, keyEnd)) return to;
  target[to++] = 0x3a;
  to = writeVarint(target, to, metaFields.bytesOf(metaTags));
  return metaFields.copy(metaTags, packet, target, to);
}

/** Moves a service packet's dest.* metas and ticket to the end of the header, where the downlink removes them. */
export function moveRoutingLast(packet: Buffer, scan: PacketScan): Buffer {
  const { headerStart, headerEnd, bodyStart, bodyEnd } = scan;
  const moved = Buffer.allocUnsafe(bodyEnd - bodyStart + headerEnd - headerStart + logicOverheadBytes);
  let to = 8;
  for (const isLast of [false, true]) {
    for (let at = headerStart; at < headerEnd;) {
      const start = at;
      const tag = readTag(packet, at, headerEnd);
      const valueAt = next;
      at = fieldEnd(packet, headerEnd, tag);
      const isRouting = tag === 0x7d || (tag === 0x3a && hasRoutingKey(packet, valueAt, at));
      if (isRouting === isLast) to += packet.copy(moved, to, start, at);
    }
  }
  return finish(packet, scan, moved, to);
}

/** Reports whether the last key of a meta (packet[at, end) are length and value) is one of dest.*. */
function hasRoutingKey(packet: Buffer, at: number, end: number): boolean {
  readVarint(packet, at, end);
  let isRouting = false;
  for (at = next; at < end;) {
    const tag = readTag(packet, at, end);
    const valueAt = next;
    at = fieldEnd(packet, end, tag);
    if (tag !== 0x0a) continue;
    readVarint(packet, valueAt, at);
    isRouting = isRoutingKey(packet, next, at);
  }
  return isRouting;
}

/** Writes the lengths and the body around the header target[8, to). */
function finish(packet: Buffer, scan: PacketScan, target: Buffer, to: number): Buffer {
  packet.copy(target, 0, scan.start, scan.start + 4);
  writeU32(target, 4, to - 8);
  to += packet.copy(target, to, scan.headerEnd, scan.bodyEnd);
  return target.subarray(0, to);
}
