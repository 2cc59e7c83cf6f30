// Both sides of a handshake give up on a silent peer after three seconds.

import { describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { AcceptingHandshake } from "../../src/link/accepting-handshake.ts";
import type { FrameHandler } from "../../src/transport/transport.ts";
import { CloseCode, closeAbnormal } from "../../src/wire/close-reason.ts";
import { writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { until } from "../../scripts/harness/until.ts";
import { afterwards, linkHost, newIdentity } from "./support.ts";
import { HandDialler } from "./hand-handshake.ts";
import { TestNode } from "./test-node.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { diallingBy, handshakeMsMax, refusal } from "./handshake-support.ts";
import { StubConnection } from "../support/stub-connection.ts";
import { watchHandshakes } from "./handshake-support.ts";

watchHandshakes();

describe("in time", () => {
  const nowhere: FrameHandler = { frame() {}, closed() {} };
  function accepting(): {
    readonly connection: StubConnection;
    readonly refused: string[];
    readonly it: AcceptingHandshake;
    readonly time: ManualTimers;
  } {
    const time = new ManualTimers();
    const connection = new StubConnection();
    const refused: string[] = [];
    const host = linkHost(
      () => nowhere,
      (kind) => void refused.push(kind),
    );
    return { connection, refused, it: new AcceptingHandshake(connection, { ...host, timers: time }), time };
  }

  test("an acceptor that hears nothing closes after three seconds, not before, and counts it once", () => {
    const { connection, refused, it, time } = accepting();
    time.advance(handshakeMsMax - 1);
    expect(connection.reasons).toEqual([]);
    time.advance(1);
    expect(connection.reasons.map(({ code }) => code)).toEqual([CloseCode.Limit]);
    expect(refused).toEqual(["late"]);
    it.closed();
    expect(time.pending).toBe(0);
  });

  test("a dialler that hears nothing gives up after three seconds, not before", async () => {
    const time = new ManualTimers();
    const connection = new StubConnection();
    const handshake = diallingBy(time, connection);
    const refused = refusal(handshake.met);
    time.advance(handshakeMsMax - 1);
    expect(connection.reasons).toEqual([]);
    time.advance(1);
    expect(connection.reasons.map(({ code }) => code)).toEqual([CloseCode.Limit]);
    expect((await refused).message).toBe("it did not answer the handshake in time");
    handshake.closed(closeAbnormal);
    expect(time.pending).toBe(0);
  });

  test("over TCP: silence, a trickle of bytes and a hello without proof are closed, a linked peer is not", async () => {
    const time = new ManualTimers();
    const node = TestNode.start("node", { timers: time });
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const silent = await HandDialler.connect(node.address);
    const unproven = await HandDialler.connect(node.address);
    const socket = createConnection({ host: "127.0.0.1", port: Number(node.address.split(":")[1]) });
    const trickle = { isOver: false };
    socket.on("close", () => (trickle.isOver = true));
    socket.on("error", () => (trickle.isOver = true));
    socket.resume();
    afterwards(() => void socket.destroy());
    // A byte now and then moves no deadline.
    const bytes = Buffer.alloc(5 + 1_000);
    writeFrameHeader(bytes, 0, 2, 1_000);
    let at = 0;
    const dripping = setInterval(() => void socket.write(bytes.subarray(at, ++at)), 1);
    afterwards(() => clearInterval(dripping));
    unproven.hello();
    await unproven.answer();
    await until(() => at > 10, "bytes trickle in");
    time.advance(handshakeMsMax - 1);
    await until(() => at > 20, "more of them");
    expect([silent, unproven].map(({ connection }) => connection.isOpen)).toEqual([true, true]);
    time.advance(1);
    for (const { recording } of [silent, unproven]) expect((await recording.end()).code).toBe(CloseCode.Limit);
    await until(() => trickle.isOver, "the trickle ends");
    expect(node.faults("handshake-late")).toBe(3);
    await good.works();
    expect(node.told).toEqual(["linked good"]);
  });
});
