// What a client may write into the header of a request, and what an odd one costs.

import { describe, expect, test } from "bun:test";
import { headerFieldsMax } from "../../src/base/limits/fixed.ts";
import { Command } from "../../src/wire/commands.ts";
import { MetaType, Status } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { bound } from "../support/bounds.ts";
import { loneGateway } from "../support/lone-gateway.ts";
import { packetOf } from "../support/random-header.ts";

const meta = (key: string, value = "") => ({ key, value, type: MetaType.string });
const body = Buffer.from("body");
const usual = { command: Command.UserTalk, dest: "bob", sequence: 7 };
const talkWith = (metas: number, more = {}) =>
  encodeLogicPacket({ ...usual, ...more, meta: Array.from({ length: metas }, () => meta("k")) }, body);

bound("metasPerRequest", {
  at: () => {
    const { client, node } = loneGateway({ metasPerRequest: 3 });
    client("alice").send(talkWith(3));
    expect(node.packets.map(({ header }) => header.meta.map(({ key }) => key))).toEqual([
      ["k", "k", "k", "app", "account", "dest.server"],
    ]);
  },
  above: () => {
    const { client, node, bounds } = loneGateway({ metasPerRequest: 3 });
    const alice = client("alice");
    alice.send(talkWith(4));
    alice.send(talkWith(4, { channelId: "x" }));
    expect(node.frames).toHaveLength(0);
    expect(alice.connection.packets.map(({ header }) => header.status)).toEqual([
      Status.InvalidPacketBody,
      Status.InvalidPacketBody,
    ]);
    expect(alice.connection.isOpen).toBe(true);
    expect(bounds.reached.get("metasPerRequest")).toBe(2);
  },
});

test("a request pays for its size: of a megabyte for as much as of thirty small ones", () => {
  const { client, node } = loneGateway({ requestsAtOnce: 100, requestsPerSecond: 1 });
  const alice = client("alice");
  const large = encodeLogicPacket(usual, new Uint8Array(1_000_000));
  for (let sent = 0; sent < 4; sent++) alice.send(large);
  expect(node.frames).toHaveLength(3);
  expect(alice.connection.packets.map(({ header }) => header.status)).toEqual([Status.RateLimited]);
  // What is left is enough for small ones.
  alice.send(talkWith(0));
  expect(node.frames).toHaveLength(4);
});

describe("an odd header", () => {
  test("reaches the service without what only services may say, whatever stands twice or is unknown", () => {
    const { client, node } = loneGateway();
    const forged = encodeLogicPacket(
      {
        ...usual,
        channelId: "c",
        ticket: 9,
        meta: [meta("app", "x"), meta("k", "v"), meta("account", "y"), meta("dest.server", "z")],
      },
      body,
    );
    const twice = Buffer.concat([forged.subarray(8, forged.length - 4 - body.length), Buffer.from("18084001", "hex")]);
    client("alice").send(packetOf(twice, body));
    expect(node.packets).toHaveLength(1);
    const [packet] = node.packets;
    expect(packet?.header).toMatchObject({ command: Command.UserTalk, dest: "bob", sequence: 8, channelId: "alice" });
    expect(packet?.header.meta.map(({ key, value }) => [key, value])).toEqual([
      ["k", "v"],
      ["app", "app"],
      ["account", "alice"],
      ["dest.server", "gate"],
    ]);
    expect(Buffer.from(packet?.body ?? [])).toEqual(body);
  });

  test("beyond the rate is refused for the rate, before anybody looks at its metas", () => {
    const { client, node, wheel } = loneGateway({ metasPerRequest: 1 });
    const alice = client("alice");
    alice.send(talkWith(0));
    while (alice.channel.requests?.take(wheel.nowMs) === true) continue;
    alice.send(talkWith(2, { channelId: "x" }));
    expect(alice.connection.packets.map(({ header }) => header.status)).toEqual([Status.RateLimited]);
    wheel.nowMs += 1_000;
    alice.send(talkWith(1, { channelId: "x" }));
    expect(node.packets).toHaveLength(2);
  });

  const head = Buffer.from(`0a0e${Buffer.from(Command.UserTalk).toString("hex")}`, "hex");
  const many: Record<string, string> = {
    "empty metas": "3a00",
    "unknown fields": "4000",
    sequences: "1800",
    commands: "0a00",
  };
  for (const [what, field] of Object.entries(many)) {
    test(`of more ${what} than headerFieldsMax ends its connection, and reaches no service`, () => {
      const { client, node } = loneGateway();
      const alice = client("alice");
      alice.send(packetOf(Buffer.concat([head, Buffer.from(field.repeat(headerFieldsMax + 2), "hex")]), body));
      expect(alice.connection.reason?.code).toBe(1002);
      expect(node.frames).toHaveLength(0);
    });
  }

  test("of a meta with more keys or unknown fields than headerFieldsMax ends its connection", () => {
    for (const field of ["0a00", "2000"]) {
      const { client, node } = loneGateway();
      const alice = client("alice");
      const inner = Buffer.from(field.repeat(headerFieldsMax + 2), "hex");
      const length = Buffer.from([(inner.length & 0x7f) | 0x80, inner.length >>> 7]);
      alice.send(packetOf(Buffer.concat([head, Buffer.of(0x3a), length, inner]), body));
      expect(alice.connection.reason?.code).toBe(1002);
      expect(node.frames).toHaveLength(0);
    }
  });
});
