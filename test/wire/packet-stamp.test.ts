// Stamp, cut and response are compared with decode and re-encode on random headers in packet-scan.test.ts
// (checkHeader); here are the cases that have a name.

import { describe, expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import { Command } from "../../src/wire/commands.ts";
import { Flag } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import {
  cutBytes,
  encodeStamp,
  type Room,
  stampedBytes,
  writeCut,
  writePush,
  writeStamped,
} from "../../src/wire/packet-stamp.ts";
import { bytesOf, packetVectors } from "../support/vectors.ts";

function scanned(packet: Buffer): PacketScan {
  const scan = new PacketScan();
  scanPacket(packet, scan, packet.length);
  return scan;
}

function logic(packet: Uint8Array): LogicPacket {
  const decoded = decodePacket(packet, packet.length);
  if (decoded.kind !== "logic") throw new Error("not a logic packet");
  return decoded;
}

function cut(packet: Buffer): Buffer {
  const scan = scanned(packet);
  const target = Buffer.alloc(cutBytes(scan));
  expect(writeCut(target, 0, packet, scan)).toBe(target.length);
  return target;
}

describe("cut", () => {
  test("the golden push loses its routing and nothing else", () => {
    const vector = packetVectors.find((packet) => packet.name === "push on its way to a gateway");
    if (vector === undefined) throw new Error("no such vector");
    const packet = bytesOf(vector.hex);
    const before = logic(packet);
    const after = logic(cut(packet));
    expect(after.header.meta).toEqual([]);
    expect({ ...after.header, meta: before.header.meta }).toEqual({ ...before.header });
    expect(Buffer.from(after.body).toString("hex")).toBe(vector.bodyHex);
  });

  test("a packet without a tail is copied as it is", () => {
    for (const vector of packetVectors) {
      if (vector.kind !== "logic" || vector.header?.meta.length !== 0) continue;
      expect(cut(bytesOf(vector.hex)).toString("hex")).toBe(vector.hex);
    }
  });
});

/** Room for one packet, of exactly its bytes. */
class OnePacket implements Room {
  outbound = Buffer.alloc(0);

  reserve(payloadBytes: number): number {
    this.outbound = Buffer.alloc(payloadBytes);
    return 0;
  }

  unreserve(): void {}
}

type PushParts = Parameters<typeof writePush> extends [Room, ...infer Rest] ? Rest : never;

function pushOf(...parts: PushParts): Buffer {
  const room = new OnePacket();
  expect(writePush(room, ...parts)).toBe(true);
  return room.outbound;
}

describe("push", () => {
  test("is not written where there is no room", () => {
    const room = { outbound: Buffer.alloc(16), reserve: () => -1, unreserve() {} };
    expect(writePush(room, Command.Sync, "", 0, "", new Uint8Array(0), "g", "c")).toBe(false);
    expect(room.outbound.every((byte) => byte === 0)).toBe(true);
  });

  test("takes its room back when a bug keeps it from being filled", () => {
    let takenBack = 0;
    const room = { outbound: Buffer.alloc(8), reserve: () => 0, unreserve: () => void takenBack++ };
    expect(() => writePush(room, Command.Sync, "", 0, "", new Uint8Array(4), "g", "c")).toThrow();
    expect(takenBack).toBe(1);
  });

  test("holds what it was given, with the routing last, so that a cut leaves none", () => {
    const body = Buffer.from("body");
    for (const channels of [
      "c1",
      "c1,c2",
      "é".repeat(100),
      Array.from({ length: 20_000 }, (_, at) => `gate_小_${at}`).join(),
    ]) {
      const packet = pushOf(Command.UserTalk, "gate_a_1", 0xffff_ffff, "小明", body, "gate", channels);
      const { header } = logic(packet);
      expect([header.command, header.channelId, header.sequence, header.flag, header.status, header.dest]).toEqual([
        Command.UserTalk,
        "gate_a_1",
        0xffff_ffff,
        Flag.Push,
        0,
        "小明",
      ]);
      expect(header.meta.map(({ key, value, type }) => ({ key, value, type }))).toEqual([
        { key: "dest.server", value: "gate", type: 1 },
        { key: "dest.channels", value: channels, type: 1 },
      ]);
      const scan = scanned(packet);
      expect(packet.toString("utf8", scan.channelsStart, scan.channelsEnd)).toBe(channels);
      expect(packet.toString("utf8", scan.serverStart, scan.serverEnd)).toBe("gate");
      expect(logic(cut(packet)).header.meta).toEqual([]);
      expect(Buffer.from(logic(cut(packet)).body)).toEqual(body);
    }
  });

  test("decodes to the values of the golden push", () => {
    const vector = packetVectors.find((packet) => packet.name === "push on its way to a gateway");
    const packet = pushOf(
      "chat.user.talk",
      "gate01_alice_1",
      128,
      "bob",
      bytesOf(vector?.bodyHex ?? ""),
      "gate02",
      "gate02_bob_7,gate02_bob_8",
    );
    expect(logic(packet)).toEqual(logic(bytesOf(vector?.hex ?? "")));
    expect(packet.length).toBe(bytesOf(vector?.hex ?? "").length);
  });

  test("leaves out what is empty or zero", () => {
    const { header, body } = logic(pushOf(Command.Sync, "", 0, "", new Uint8Array(0), "g", "c"));
    expect([header.command, header.channelId, header.sequence, header.dest, body.length]).toEqual([
      "chat.sync",
      "",
      0,
      "",
      0,
    ]);
  });
});

describe("stamp", () => {
  const stamp = encodeStamp("gate_alice_1", "kim", "alice", "gate");

  test("a packet that is not plain is never stamped", () => {
    const packet = Buffer.from(
      encodeLogicPacket({ command: "a.b", meta: [{ key: "account", value: "mallory" }] }, new Uint8Array(0)),
    );
    const scan = scanned(packet);
    expect(() => writeStamped(Buffer.alloc(500), 0, packet, scan, stamp, 1)).toThrow(AssertionError);
  });

  test("the service reads the gateway's words and the client's own metas", () => {
    const body = Buffer.from("hello");
    const packet = Buffer.from(
      encodeLogicPacket(
        { command: "chat.user.talk", sequence: 5, dest: "bob", meta: [{ key: "trace", value: "1" }] },
        body,
      ),
    );
    const scan = scanned(packet);
    const target = Buffer.alloc(stampedBytes(scan, stamp.length));
    expect(writeStamped(target, 0, packet, scan, stamp, 42)).toBe(target.length);
    const { header, body: after } = logic(target);
    expect(header.channelId).toBe("gate_alice_1");
    expect(header.ticket).toBe(42);
    expect(header.meta.map((meta) => [meta.key, meta.value])).toEqual([
      ["trace", "1"],
      ["app", "kim"],
      ["account", "alice"],
      ["dest.server", "gate"],
    ]);
    expect(Buffer.from(after)).toEqual(body);
  });

  test("names of any length fit", () => {
    for (const length of [0, 1, 60, 127, 128, 300, 20_000]) {
      const name = "é".repeat(length);
      const packet = Buffer.from(encodeLogicPacket({ command: "a.b" }, new Uint8Array(0)));
      const scan = scanned(packet);
      const long = encodeStamp(name, name, name, name);
      const target = Buffer.alloc(stampedBytes(scan, long.length, -1));
      expect(writeStamped(target, 0, packet, scan, long, -1)).toBe(target.length);
      const { header } = logic(target);
      expect([header.channelId, ...header.meta.map((meta) => meta.value)]).toEqual([name, name, name, name]);
    }
  });
});
