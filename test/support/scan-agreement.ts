// What must hold between the scanner, the stamps and the generated code, for any header whatever. Throws when it does
// not; used by the tests and the fuzzer.

import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Flag, type Header, HeaderSchema, MetaSchema, MetaType, Status } from "../../src/wire/gen/pkt_pb.ts";
import { cleanPacket, moveRoutingLast } from "../../src/wire/packet-clean.ts";
import { decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { PacketKind, PacketScan, scanPacket, scanPacketAt } from "../../src/wire/packet-scan.ts";
import {
  cutBytes,
  encodeStamp,
  responseBytes,
  stampedBytes,
  writeCut,
  writeResponse,
  writeStamped,
} from "../../src/wire/packet-stamp.ts";
import { ProtocolFault } from "../../src/wire/protocol-fault.ts";
import { packetOf } from "./random-header.ts";

const reserved = ["dest.server", "dest.channels", "dest.plain", "app", "account"];
const isRouting = (key: string): boolean => ["dest.server", "dest.channels", "dest.plain"].includes(key);
const typedMeta = (key: string, value: string) => create(MetaSchema, { key, value, type: MetaType.string });

/** The bytes before and after what is written, which must stay as they are. */
const margin = 7;
const guard = 0xa5;

function written(bytes: number, write: (target: Buffer, at: number) => number): Buffer {
  const target = Buffer.alloc(margin + bytes + margin, guard);
  strictEqual(write(target, margin), bytes, "the twin gives the exact size");
  for (let at = 0; at < margin; at++) {
    strictEqual(target[at], guard);
    strictEqual(target[margin + bytes + at], guard);
  }
  return target.subarray(margin, margin + bytes);
}

function headerOf(packet: Uint8Array): Header {
  const decoded = decodePacket(packet);
  if (decoded.kind !== "logic") throw new Error("not a logic packet");
  return create(HeaderSchema, decoded.header);
}

function same(actual: Header, expected: Header, what: string): void {
  deepStrictEqual(toBinary(HeaderSchema, actual), toBinary(HeaderSchema, expected), what);
}

function lastMeta(header: Header, key: string): string | undefined {
  return header.meta.findLast((meta) => meta.key === key)?.value;
}

/** Checks one header. @returns what the scanner said */
export function checkHeader(headerBytes: Uint8Array, body: Uint8Array): PacketScan {
  const packet = packetOf(headerBytes, body);
  const scan = new PacketScan();
  scanPacket(packet, scan);
  checkInside(packet, scan);

  let full: Header | undefined;
  try {
    full = fromBinary(HeaderSchema, headerBytes);
  } catch (error) {
    ok(error instanceof Error);
  }
  if (scan.kind === PacketKind.Malformed) {
    ok(scan.fault !== undefined);
    strictEqual(scan.isPlain, false);
    let refused: unknown;
    try {
      decodePacket(packet);
    } catch (error) {
      refused = error;
    }
    ok(refused instanceof ProtocolFault, "the decoder refuses what the scanner refuses");
    return scan;
  }
  ok(full !== undefined, "the generated decoder accepts what the scanner accepts");
  const header = headerOf(packet);
  checkValues(packet, scan, header, full);
  checkCut(packet, scan, header);
  checkResponse(packet, scan, header);
  if (scan.isPlain) checkStamp(packet, scan, header);
  checkClean(packet, scan, header);
  checkMove(packet, scan, header);
  return scan;
}

const offsets = [
  ...(["start", "headerStart", "headerEnd", "bodyStart", "bodyEnd", "commandStart", "commandEnd"] as const),
  ...(["channelIdStart", "channelIdEnd", "destStart", "destEnd", "appStart", "appEnd", "accountStart"] as const),
  ...(["accountEnd", "serverStart", "serverEnd", "channelsStart", "channelsEnd", "tailStart"] as const),
];
const values = ["isPlain", "hasStrayRouting", "sequence", "flag", "status", "ticket"] as const;

/** The same packet in the middle of other bytes is the same, and what is around it counts for nothing. */
function checkInside(packet: Buffer, scan: PacketScan): void {
  const before = 7;
  for (const filling of [0x00, 0x7f, 0xff]) {
    const bytes = Buffer.alloc(before + packet.length + 20, filling);
    packet.copy(bytes, before);
    const inside = new PacketScan();
    scanPacketAt(bytes, before, before + packet.length, inside);
    strictEqual(inside.kind, scan.kind);
    strictEqual(inside.fault, scan.fault);
    if (scan.kind === PacketKind.Malformed) continue;
    for (const name of offsets) strictEqual(inside[name], scan[name] < 0 ? -1 : scan[name] + before, name);
    for (const name of values) strictEqual(inside[name], scan[name], name);
    deepStrictEqual(
      written(cutBytes(inside), (target, at) => writeCut(target, at, bytes, inside)),
      written(cutBytes(scan), (target, at) => writeCut(target, at, packet, scan)),
    );
  }
}

function checkValues(packet: Buffer, scan: PacketScan, header: Header, full: Header): void {
  const text = (start: number, end: number): string => (start < 0 ? "" : packet.toString("utf8", start, end));
  strictEqual(text(scan.commandStart, scan.commandEnd), full.command);
  strictEqual(text(scan.channelIdStart, scan.channelIdEnd), full.channelId);
  strictEqual(text(scan.destStart, scan.destEnd), full.dest);
  strictEqual(scan.sequence, full.sequence);
  strictEqual(scan.flag, full.flag);
  strictEqual(scan.status, full.status);
  strictEqual(Math.max(scan.ticket, 0), full.ticket);
  strictEqual(text(scan.appStart, scan.appEnd), lastMeta(full, "app") ?? "");
  strictEqual(text(scan.accountStart, scan.accountEnd), lastMeta(full, "account") ?? "");
  strictEqual(text(scan.serverStart, scan.serverEnd), lastMeta(full, "dest.server") ?? "");
  strictEqual(text(scan.channelsStart, scan.channelsEnd), lastMeta(full, "dest.channels") ?? "");
  strictEqual(text(scan.plainStart, scan.plainEnd), lastMeta(full, "dest.plain") ?? "");
  strictEqual(scan.plainStart < 0, lastMeta(full, "dest.plain") === undefined);
  strictEqual(scan.channelsStart < 0, lastMeta(full, "dest.channels") === undefined);
  same(
    header,
    fromBinary(HeaderSchema, packet.subarray(scan.headerStart, scan.headerEnd), { readUnknownFields: false }),
    "decodePacket",
  );
  if (!scan.isPlain) return;
  strictEqual(full.channelId, "");
  strictEqual(full.ticket, 0);
  strictEqual(full.$unknown, undefined);
  for (const meta of full.meta) {
    strictEqual(meta.$unknown, undefined);
    ok(!reserved.includes(meta.key), "a plain header has no reserved meta");
  }
}

function checkCut(packet: Buffer, scan: PacketScan, header: Header): void {
  if (scan.hasStrayRouting) return;
  const cut = written(cutBytes(scan), (target, at) => writeCut(target, at, packet, scan));
  const expected = clone(HeaderSchema, header);
  expected.meta = expected.meta.filter((meta) => !isRouting(meta.key));
  expected.ticket = 0;
  same(headerOf(cut), expected, "cut");
  deepStrictEqual(
    cut.subarray(cut.length - (scan.bodyEnd - scan.bodyStart)),
    packet.subarray(scan.bodyStart, scan.bodyEnd),
  );
}

/** A cleaned packet is plain, and says what the former one said but for what only services may say. */
function checkClean(packet: Buffer, scan: PacketScan, header: Header): void {
  const before = Buffer.from(packet);
  const cleaned = cleanPacket(packet, scan);
  deepStrictEqual(packet, before, "a packet is only read");
  const again = new PacketScan();
  scanPacket(cleaned, again);
  strictEqual(again.isPlain, true, "a cleaned packet is plain");
  const expected = clone(HeaderSchema, header);
  expected.channelId = "";
  expected.ticket = 0;
  expected.meta = expected.meta.filter(({ key }) => !reserved.includes(key));
  same(headerOf(cleaned), expected, "clean");
  checkStamp(cleaned, again, headerOf(cleaned));
  deepStrictEqual(cleaned.subarray(again.bodyStart), packet.subarray(scan.bodyStart, scan.bodyEnd));
}

/** Once its routing stands last, a packet can be cut, and it says what it said. */
function checkMove(packet: Buffer, scan: PacketScan, header: Header): void {
  const moved = moveRoutingLast(packet, scan);
  const again = new PacketScan();
  scanPacket(moved, again);
  strictEqual(again.hasStrayRouting, false, "the routing stands last");
  const expected = clone(HeaderSchema, header);
  expected.meta = [
    ...header.meta.filter(({ key }) => !isRouting(key)),
    ...header.meta.filter(({ key }) => isRouting(key)),
  ];
  same(headerOf(moved), expected, "move");
  checkCut(moved, again, headerOf(moved));
}

function checkResponse(packet: Buffer, scan: PacketScan, header: Header): void {
  const body = Buffer.from("response");
  for (const status of [Status.Success, Status.NoDestination, Status.ServiceUnavailable]) {
    const response = written(responseBytes(packet, scan, status, "gate-é", body), (target, at) =>
      writeResponse(target, at, packet, scan, status, "gate-é", body),
    );
    const expected = create(HeaderSchema, {
      command: header.command,
      channelId: header.channelId,
      sequence: header.sequence,
      flag: Flag.Response,
      status,
      dest: header.dest,
      meta: [typedMeta("dest.server", "gate-é")],
      ticket: header.ticket,
    });
    if (header.channelId !== "") expected.meta.push(typedMeta("dest.channels", header.channelId));
    const decoded = decodePacket(response);
    if (decoded.kind !== "logic") throw new Error("not a logic packet");
    same(create(HeaderSchema, decoded.header), expected, "response");
    deepStrictEqual(Buffer.from(decoded.body), body);
    const again = new PacketScan();
    scanPacket(response, again);
    strictEqual(again.hasStrayRouting, false);
    ok(again.tailStart < again.headerEnd, "a response ends with its routing");
  }
}

function checkStamp(packet: Buffer, scan: PacketScan, header: Header): void {
  const stamp = encodeStamp("gate_é_1", "kim", "小明", "gate");
  for (const ticket of [-1, 0, 0xffff_fffe]) {
    const stamped = written(stampedBytes(scan, stamp.length, ticket), (target, at) =>
      writeStamped(target, at, packet, scan, stamp, ticket),
    );
    const expected = clone(HeaderSchema, header);
    expected.channelId = "gate_é_1";
    expected.meta.push(typedMeta("app", "kim"), typedMeta("account", "小明"), typedMeta("dest.server", "gate"));
    expected.ticket = Math.max(ticket, 0);
    same(headerOf(stamped), expected, "stamp");
    deepStrictEqual(
      Buffer.from(encodeLogicPacket(headerOf(stamped), packet.subarray(scan.bodyStart, scan.bodyEnd))),
      Buffer.from(encodeLogicPacket(expected, packet.subarray(scan.bodyStart, scan.bodyEnd))),
    );
    const again = new PacketScan();
    scanPacket(stamped, again);
    strictEqual(again.ticket, ticket);
    strictEqual(stamped.toString("utf8", again.accountStart, again.accountEnd), "小明");
  }
}
