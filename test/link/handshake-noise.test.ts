// Bytes that are no handshake end the one connection that they came by, are counted, and disturb no other link.

import { describe, expect, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { linkFrameBytesMax } from "../../src/base/limits/fixed.ts";
import { CloseCode, closeAbnormal } from "../../src/wire/close-reason.ts";
import { writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { until } from "../../scripts/harness/until.ts";
import { afterwards, LinkEnd, newIdentity, handshakeTimers } from "./support.ts";
import { HandDialler } from "./hand-handshake.ts";
import { TestNode } from "./test-node.ts";
import { random, handshakeMsMax } from "./handshake-support.ts";
import { watchHandshakes } from "./handshake-support.ts";

watchHandshakes();

describe("bytes that are no handshake", () => {
  async function rawSocket(address: string): Promise<{ readonly socket: Socket; readonly state: { isOver: boolean } }> {
    const socket = createConnection({ host: "127.0.0.1", port: Number(address.split(":")[1]) });
    const state = { isOver: false };
    socket.on("error", () => (state.isOver = true));
    socket.on("close", () => (state.isOver = true));
    socket.resume();
    afterwards(() => void socket.destroy());
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    return { socket, state };
  }

  const head = (opcode: number, bytes: number): Buffer => {
    const frame = Buffer.alloc(5);
    writeFrameHeader(frame, 0, opcode, bytes);
    return frame;
  };
  const cases: readonly [string, Buffer, string][] = [
    ["a frame of a byte too much", head(2, linkFrameBytesMax + 1), "frame-too-large"],
    ["a frame of four gigabytes", head(2, 0xffff_ffff), "frame-too-large"],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: chat\r\n\r\n"), "frame"],
    ["TLS", Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]), "tls"],
    ["a text frame", Buffer.concat([head(1, 2), Buffer.from("hi")]), "frame"],
  ];
  test.each(cases)("%s: closed, counted, and nothing else disturbed", async (_, bytes, kind) => {
    const node = TestNode.start("node");
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const { socket, state } = await rawSocket(node.address);
    socket.write(bytes);
    await until(() => state.isOver, "it is closed");
    expect(node.faults(kind)).toBe(1);
    await good.works();
    expect(node.told).toEqual(["linked good"]);
  });

  test("a peer that goes away during the handshake leaves nothing behind", async () => {
    const node = TestNode.start("node");
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const begun = handshakeTimers.armed(handshakeMsMax);
    const leavers = await Promise.all(Array.from({ length: 20 }, () => rawSocket(node.address)));
    const halves = await Promise.all(Array.from({ length: 20 }, () => HandDialler.connect(node.address)));
    for (const half of halves) half.hello();
    await Promise.all(halves.map((half) => half.answer()));
    await until(() => handshakeTimers.armed(handshakeMsMax) === begun + 40, "all are waited for");
    for (const { socket } of leavers) {
      socket.write(head(2, 100));
      socket.destroy();
    }
    for (const half of halves) half.connection.close(closeAbnormal);
    await until(() => handshakeTimers.left(handshakeMsMax) === 0, "nobody is waited for");
    await good.works();
    expect(node.told).toEqual(["linked good"]);
    expect(node.metrics.faults.counts.size).toBe(0);
  });

  test("200 frames of random bytes at random moments of a handshake never make a link", async () => {
    const node = TestNode.start("node");
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const codes: number[] = [CloseCode.ProtocolFault, CloseCode.Unauthorised];
    for (let round = 0; round < 2; round++) {
      const strangers = await Promise.all(Array.from({ length: 50 }, () => HandDialler.connect(node.address)));
      const ends = strangers.map(async (stranger) => {
        if (random.once(2)) {
          stranger.hello();
          await stranger.answer();
        }
        stranger.connection.send(random.bytes(1 + random.below(300)));
        stranger.connection.send(random.bytes(1 + random.below(300)));
        return stranger.recording.end();
      });
      for (const { code } of await Promise.all(ends)) expect(codes).toContain(code);
    }
    await good.works();
    expect(node.told).toEqual(["linked good"]);
    expect(node.faults("handshake-malformed") + node.faults("handshake-key")).toBe(100);
  });

  test("a message of more than a kilobyte is refused by its length alone", async () => {
    const node = TestNode.start("node");
    const { socket, state } = await rawSocket(node.address);
    socket.write(head(2, 1_025));
    await until(() => state.isOver, "it is closed");
    expect(node.faults("frame-too-large")).toBe(1);
    await (await HandDialler.linked(node.address, { identity: newIdentity("good") })).works();
  });

  test("a dialler takes no answer of more than four kilobytes", async () => {
    const stranger = new LinkEnd(newIdentity("stranger"));
    const answer = Buffer.alloc(4 * 1024 + 1);
    const { address } = stranger.listen({
      accept: (connection) => ({ frame: () => void connection.send(answer), closed() {} }),
    });
    const dialler = await HandDialler.connect(address);
    dialler.hello();
    expect((await dialler.recording.end()).code).toBe(CloseCode.TooLarge);
  });

  test("frames without end before the handshake end the connection", async () => {
    const node = TestNode.start("node");
    for (const opcode of [2, 9, 10]) {
      const { socket, state } = await rawSocket(node.address);
      socket.write(Buffer.concat(Array.from({ length: 100 }, () => head(opcode, 0))));
      await until(() => state.isOver, "it is closed");
    }
    expect(node.faults("too-many-frames")).toBe(3);
  });
});
