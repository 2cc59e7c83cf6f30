// Changes and creates packets without decoding: copies bytes of a scanned packet directly to an outbound buffer, and
// appends fields, which protobuf permits anywhere in a message. For most writers another function returns the exact
// size first, so that a frame can be reserved. `scan` always belongs to the packet beside it; packets are only read,
// and no reference to arguments is kept.

import { assert } from "../base/assert.ts";
import { MetaKey } from "./commands.ts";
import { Flag } from "./gen/pkt_pb.ts";
import { logicMagic, logicOverheadBytes } from "./magic.ts";
import type { PacketScan } from "./packet-scan.ts";
import { lengthFieldBytes, varintBytes, writeU32, writeUtf8, writeVarint } from "./proto-writer.ts";

/** Tag 7d and four bytes. */
const ticketFieldBytes = 5;

// A reserved meta, always of type string:
//   3a · length · 0a · key length · key · 12 · value length · value · 18 01
const metaHead = (key: string): Buffer => Buffer.from([0x0a, key.length, ...Buffer.from(key)]);
const headApp = metaHead(MetaKey.App);
const headAccount = metaHead(MetaKey.Account);
const headServer = metaHead(MetaKey.DestServer);
const headChannels = metaHead(MetaKey.DestChannels);
const headPlain = metaHead(MetaKey.DestPlain);

function metaBytes(head: Buffer, valueBytes: number): number {
  return lengthFieldBytes(head.length + lengthFieldBytes(valueBytes) + 2);
}

/** Writes a meta up to its value; the value and `endMeta` follow. */
function beginMeta(target: Buffer, at: number, head: Buffer, valueBytes: number): number {
  target[at++] = 0x3a;
  at = writeVarint(target, at, head.length + lengthFieldBytes(valueBytes) + 2);
  head.copy(target, at);
  at += head.length;
  target[at++] = 0x12;
  return writeVarint(target, at, valueBytes);
}

function endMeta(target: Buffer, at: number): number {
  target[at] = 0x18;
  target[at + 1] = 0x01;
  return at + 2;
}

function writeMeta(target: Buffer, at: number, head: Buffer, value: string, valueBytes: number): number {
  at = beginMeta(target, at, head, valueBytes);
  return endMeta(target, writeUtf8(target, at, value, valueBytes));
}

function writeText(target: Buffer, at: number, tag: number, value: string, valueBytes: number): number {
  target[at++] = tag;
  at = writeVarint(target, at, valueBytes);
  return writeUtf8(target, at, value, valueBytes);
}

function writeTicket(target: Buffer, at: number, ticket: number): number {
  target[at] = 0x7d;
  target[at + 1] = ticket;
  target[at + 2] = ticket >>> 8;
  target[at + 3] = ticket >>> 16;
  target[at + 4] = ticket >>> 24;
  return at + ticketFieldBytes;
}

/**
 * Encodes a connection's stamp, once at its sign-in: the sender according to the gateway.
 *
 *   12 channelId · 3a meta app · 3a meta account · 3a meta dest.server
 */
export function encodeStamp(channelId: string, app: string, account: string, server: string): Buffer {
  const channelIdBytes = Buffer.byteLength(channelId);
  const appBytes = Buffer.byteLength(app);
  const accountBytes = Buffer.byteLength(account);
  const serverBytes = Buffer.byteLength(server);
  const stamp = Buffer.alloc(
    lengthFieldBytes(channelIdBytes) +
      metaBytes(headApp, appBytes) +
      metaBytes(headAccount, accountBytes) +
      metaBytes(headServer, serverBytes),
  );
  let at = writeText(stamp, 0, 0x12, channelId, channelIdBytes);
  at = writeMeta(stamp, at, headApp, app, appBytes);
  at = writeMeta(stamp, at, headAccount, account, accountBytes);
  writeMeta(stamp, at, headServer, server, serverBytes);
  return stamp;
}

/** Returns the size of what `writeStamped` writes with a stamp of `stampBytes`. A negative ticket is omitted. */
export function stampedBytes(scan: PacketScan, stampBytes: number, ticket = 0): number {
  return scan.bodyEnd - scan.start + stampBytes + (ticket < 0 ? 0 : ticketFieldBytes);
}

/**
 * Writes a client's plain packet for a service; a packet that is not plain must be cleaned first.
 *
 *   magic · new header length · the client's header · stamp · [7d ticket] · body length · body
 *
 * @param ticket the gateway's slot for the request, unsigned 32 bits; negative for none
 * @returns the bytes written: `stampedBytes(scan, stamp.length, ticket)`
 */
export function writeStamped(
  target: Buffer,
  at: number,
  packet: Buffer,
  scan: PacketScan,
  stamp: Buffer,
  ticket: number,
): number {
  assert(scan.isPlain, "only a plain packet is stamped");
  const headerBytes = scan.headerEnd - scan.headerStart;
  const start = at;
  at = writeU32(target, at, logicMagic);
  at = writeU32(target, at, headerBytes + stamp.length + (ticket < 0 ? 0 : ticketFieldBytes));
  packet.copy(target, at, scan.headerStart, scan.headerEnd);
  at += headerBytes;
  stamp.copy(target, at);
  at += stamp.length;
  if (ticket >= 0) at = writeTicket(target, at, ticket);
  // Body length and body are adjacent in the packet.
  packet.copy(target, at, scan.headerEnd, scan.bodyEnd);
  return at + scan.bodyEnd - scan.headerEnd - start;
}

export function cutBytes(scan: PacketScan): number {
  return scan.bodyEnd - scan.start - (scan.headerEnd - scan.tailStart);
}

/**
 * Writes a service's packet for a client, without the tail of dest.* metas and ticket. If `scan.hasStrayRouting`, the
 * tail is incomplete, and the packet must be decoded and cleaned instead.
 *
 *   magic · new header length · header up to tailStart · body length · body
 *
 * @returns the bytes written: `cutBytes(scan)`
 */
export function writeCut(target: Buffer, at: number, packet: Buffer, scan: PacketScan): number {
  const headerBytes = scan.tailStart - scan.headerStart;
  const start = at;
  at = writeU32(target, at, logicMagic);
  at = writeU32(target, at, headerBytes);
  packet.copy(target, at, scan.headerStart, scan.tailStart);
  at += headerBytes;
  packet.copy(target, at, scan.headerEnd, scan.bodyEnd);
  return at + scan.bodyEnd - scan.headerEnd - start;
}

/** Like `writeCut`, with the first `bodyBytes` of the body; it writes `cutBytes` less the rest of the body. */
export function writeCutPart(target: Buffer, at: number, packet: Buffer, scan: PacketScan, bodyBytes: number): void {
  at = writeU32(target, at, logicMagic);
  at = writeU32(target, at, scan.tailStart - scan.headerStart);
  packet.copy(target, at, scan.headerStart, scan.tailStart);
  at = writeU32(target, at + scan.tailStart - scan.headerStart, bodyBytes);
  packet.copy(target, at, scan.bodyStart, scan.bodyStart + bodyBytes);
}

/** The part of a request's scan that its response needs, for services that answer later. */
export type AnswerScan = Pick<
  PacketScan,
  "commandStart" | "commandEnd" | "channelIdStart" | "channelIdEnd" | "destStart" | "destEnd" | "sequence" | "ticket"
>;

/** Returns the size of a length-delimited field copied from a packet; 0 if it is absent or empty. */
function copiedFieldBytes(start: number, end: number): number {
  return start === end ? 0 : lengthFieldBytes(end - start);
}

function copyField(target: Buffer, at: number, tag: number, packet: Buffer, start: number, end: number): number {
  if (start === end) return at;
  target[at++] = tag;
  at = writeVarint(target, at, end - start);
  packet.copy(target, at, start, end);
  return at + end - start;
}

function responseHeaderBytes(scan: AnswerScan, status: number, destServerBytes: number): number {
  const channelIdBytes = scan.channelIdEnd - scan.channelIdStart;
  return (
    copiedFieldBytes(scan.commandStart, scan.commandEnd) +
    copiedFieldBytes(scan.channelIdStart, scan.channelIdEnd) +
    (scan.sequence === 0 ? 0 : 1 + varintBytes(scan.sequence)) +
    2 +
    (status === 0 ? 0 : 1 + varintBytes(status)) +
    copiedFieldBytes(scan.destStart, scan.destEnd) +
    metaBytes(headServer, destServerBytes) +
    (channelIdBytes === 0 ? 0 : metaBytes(headChannels, channelIdBytes)) +
    (scan.ticket < 0 ? 0 : ticketFieldBytes)
  );
}

/** Returns the size of what `writeResponse` writes with the same arguments. */
export function responseBytes(
  _request: Buffer,
  scan: AnswerScan,
  status: number,
  destServer: string,
  body: Uint8Array,
): number {
  return logicOverheadBytes + responseHeaderBytes(scan, status, Buffer.byteLength(destServer)) + body.length;
}

/**
 * Writes the response to a scanned request, with texts copied from the request's bytes:
 *
 *   magic · header length
 *   0a command · 12 channelId · 18 sequence · 20 01 · 28 status · 32 dest
 *   3a meta dest.server · 3a meta dest.channels (the request's channelId) · 7d ticket (the request's)
 *   body length · body
 *
 * Empty and zero fields of the request are omitted.
 * @param status a Status, not negative
 * @returns the bytes written: `responseBytes` with the same arguments
 */
export function writeResponse(
  target: Buffer,
  at: number,
  request: Buffer,
  scan: AnswerScan,
  status: number,
  destServer: string,
  body: Uint8Array,
): number {
  const start = at;
  const destServerBytes = Buffer.byteLength(destServer);
  at = writeU32(target, at, logicMagic);
  at = writeU32(target, at, responseHeaderBytes(scan, status, destServerBytes));
  at = copyField(target, at, 0x0a, request, scan.commandStart, scan.commandEnd);
  at = copyField(target, at, 0x12, request, scan.channelIdStart, scan.channelIdEnd);
  at = writeNumbers(target, at, scan.sequence, Flag.Response, status);
  at = copyField(target, at, 0x32, request, scan.destStart, scan.destEnd);
  at = writeMeta(target, at, headServer, destServer, destServerBytes);
  const channelIdBytes = scan.channelIdEnd - scan.channelIdStart;
  if (channelIdBytes > 0) {
    at = beginMeta(target, at, headChannels, channelIdBytes);
    request.copy(target, at, scan.channelIdStart, scan.channelIdEnd);
    at = endMeta(target, at + channelIdBytes);
  }
  if (scan.ticket >= 0) at = writeTicket(target, at, scan.ticket);
  at = writeU32(target, at, body.length);
  target.set(body, at);
  return at + body.length - start;
}

/** Writes 18 sequence · 20 flag · 28 status; omits zeros, which the flag never is here. */
function writeNumbers(target: Buffer, at: number, sequence: number, flag: number, status: number): number {
  if (sequence !== 0) {
    target[at++] = 0x18;
    at = writeVarint(target, at, sequence);
  }
  target[at++] = 0x20;
  target[at++] = flag;
  if (status !== 0) {
    target[at++] = 0x28;
    at = writeVarint(target, at, status);
  }
  return at;
}

/** The destination of a packet: the part of a connection that is needed here. */
export interface Room {
  /** Read it after `reserve`, which may replace it. */
  readonly outbound: Buffer;
  /** Reserves bytes; returns their offset, or -1 without room. */
  reserve(payloadBytes: number): number;
  /** Cancels the last reservation, which was not filled. */
  unreserve(): void;
}

/**
 * Writes a push for the gateway `destServer`, which delivers it to each of the channels `destChannels`, joined by
 * commas. It reserves its own room: a separate function for the size would measure all texts twice.
 *
 *   magic · header length
 *   0a command · 12 channelId · 18 sequence · 20 02 · 32 dest
 *   3a meta dest.server · 3a meta dest.channels · [3a meta dest.plain]
 *   body length · body
 *
 * @param channelId the connection that caused the push; may be empty
 * @param sequence the sequence of the request that caused it, unsigned 32 bits
 * @param plain the value of dest.plain (commands.ts), ASCII; '' omits the meta
 * @returns false without room
 */
export function writePush(
  room: Room,
  command: string,
  channelId: string,
  sequence: number,
  dest: string,
  body: Uint8Array,
  destServer: string,
  destChannels: string,
  plain = "",
): boolean {
  const commandBytes = Buffer.byteLength(command);
  const channelIdBytes = Buffer.byteLength(channelId);
  const destBytes = Buffer.byteLength(dest);
  const serverBytes = Buffer.byteLength(destServer);
  const channelsBytes = Buffer.byteLength(destChannels);
  const headerBytes =
    lengthFieldBytes(commandBytes) +
    copiedFieldBytes(0, channelIdBytes) +
    (sequence === 0 ? 0 : 1 + varintBytes(sequence)) +
    2 +
    copiedFieldBytes(0, destBytes) +
    metaBytes(headServer, serverBytes) +
    metaBytes(headChannels, channelsBytes) +
    (plain === "" ? 0 : metaBytes(headPlain, plain.length));
  const packetBytes = logicOverheadBytes + headerBytes + body.length;
  const start = room.reserve(packetBytes);
  if (start < 0) return false;
  try {
    const { outbound: packet } = room;
    let at = writeU32(packet, start, logicMagic);
    at = writeU32(packet, at, headerBytes);
    at = writeText(packet, at, 0x0a, command, commandBytes);
    if (channelIdBytes > 0) at = writeText(packet, at, 0x12, channelId, channelIdBytes);
    at = writeNumbers(packet, at, sequence, Flag.Push, 0);
    if (destBytes > 0) at = writeText(packet, at, 0x32, dest, destBytes);
    at = writeMeta(packet, at, headServer, destServer, serverBytes);
    at = writeMeta(packet, at, headChannels, destChannels, channelsBytes);
    if (plain !== "") at = writeMeta(packet, at, headPlain, plain, plain.length);
    at = writeU32(packet, at, body.length);
    packet.set(body, at);
    assert(at + body.length === start + packetBytes, "a push fills exactly its bytes");
    return true;
  } catch (bug) {
    room.unreserve();
    throw bug;
  }
}
