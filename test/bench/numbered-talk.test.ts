// Talks that the generator patches in place are packets like any others, and it finds its numbers again in pushes.

import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { dialectOf } from "../../bench/generator/dialect.ts";
import { readStamp, sequenceFirst, stamp, TalkTemplate } from "../../bench/generator/numbered-talk.ts";
import { Command } from "../../src/wire/commands.ts";
import { frameHeaderBytes } from "../../src/wire/frame-writer.ts";
import { Flag, MessagePushSchema, MessageReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { Random, testSeed } from "../support/random.ts";

const tcp = dialectOf({ transport: "tcp", host: "127.0.0.1", port: 1, path: "/" });
const ws = dialectOf({ transport: "ws", host: "127.0.0.1", port: 1, path: "/" });
/** FIN and opcode, length, extended length, mask. */
const webSocketHeadBytes = 2 + 2 + 4;
const plan = { command: Command.UserTalk, dest: "receiver-0", sender: 123_456, bodyBytes: 100 } as const;

test.each([
  ["TCP", tcp, frameHeaderBytes],
  ["WebSocket", ws, webSocketHeadBytes],
])("a patched talk over %s is a whole packet with its sequence and its number", (_, dialect, headBytes) => {
  const template = new TalkTemplate(dialect, plan);
  for (const number of [0, 1, 127, 128, 99_999, 268_435_455]) {
    const at = 7;
    const target = Buffer.alloc(at + template.frame.length);
    template.frame.copy(target, at);
    template.patch(target, at, number);
    const packet = decodePacket(target.subarray(at + headBytes));
    if (packet.kind !== "logic") throw new Error("a talk is a logic packet");
    expect(packet.header).toMatchObject({
      command: Command.UserTalk,
      dest: "receiver-0",
      sequence: sequenceFirst + number,
    });
    const { body } = fromBinary(MessageReqSchema, packet.body);
    expect(body).toBe(`123456${String(number).padStart(9, "0")}`.padEnd(100, "x"));
  }
});

test("sender and number are found in any push of a talk, whatever its ids are", () => {
  const random = new Random(testSeed("pushes"));
  const scan = new PacketScan();
  for (let run = 0; run < 300; run++) {
    const [sender, number] = [random.below(1_000_000), random.below(1_000_000_000)];
    const text = String(sender).padStart(6, "0") + String(number).padStart(9, "0");
    const push = create(MessagePushSchema, {
      messageId: BigInt(random.below(2 ** 30)) * BigInt(random.below(2 ** 30)),
      type: random.below(5),
      body: text + "x".repeat(random.below(300)),
      sender: "somebody",
      sendTime: 1_000_000_007n,
    });
    const header = { command: Command.GroupTalk, flag: Flag.Push, dest: "group" };
    const payload = Buffer.from(encodeLogicPacket(header, toBinary(MessagePushSchema, push)));
    scanPacket(payload, scan);
    expect(readStamp(payload, scan)).toBe(true);
    expect(stamp).toEqual({ sender, number });
  }
});

test("a push from outside the bench is not counted as a talk", () => {
  const scan = new PacketScan();
  const isTalk = (command: string, body: string): boolean => {
    const push = toBinary(MessagePushSchema, create(MessagePushSchema, { messageId: 1n, type: 1, body }));
    const payload = Buffer.from(encodeLogicPacket({ command, flag: Flag.Push }, push));
    scanPacket(payload, scan);
    return readStamp(payload, scan);
  };
  expect(isTalk(Command.UserTalk, "000001000000002")).toBe(true);
  expect(isTalk(Command.Sync, "000001000000002")).toBe(false);
  expect(isTalk(Command.UserTalk, "hello, this is a person")).toBe(false);
  expect(isTalk(Command.UserTalk, "0001")).toBe(false);
});
