// Requests that move read cursors: each one advances a cursor, and they end.

import { fromBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { CursorMoves } from "../../bench/generator/cursor-moves.ts";
import { dialectOf } from "../../bench/generator/dialect.ts";
import { LoadClient } from "../../bench/generator/load-client.ts";
import { runLoop } from "../../bench/generator/loop.ts";
import { sequenceFirst, TalkTemplate } from "../../bench/generator/numbered-talk.ts";
import { eventsOf, Traffic } from "../../bench/generator/traffic.ts";
import { Command } from "../../src/wire/commands.ts";
import { frameHeaderBytes } from "../../src/wire/frame-writer.ts";
import { ConversationReadReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket } from "../../src/wire/packet.ts";
import { FakeServer } from "./fake-server.ts";
import { quietLoad } from "./quiet-load.ts";

const dialect = dialectOf({ transport: "tcp", host: "127.0.0.1", port: 1, path: "/" });
const conversations = new Map([
  ["ann", [11n, 14n, 17n]],
  ["bob", [12n, 15n]],
  ["carol", [13n]],
]);

test("the cursors move in turn, and each move is further than the one before in its conversation", () => {
  const moves = new CursorMoves(dialect, conversations);
  expect(moves.count).toBe(6);
  const sent = Array.from({ length: moves.count }, (_, number) => {
    const packet = decodePacket(moves.frameOf(number).subarray(frameHeaderBytes));
    if (packet.kind !== "logic") throw new Error("a frame has a logic packet");
    expect(packet.header).toMatchObject({ command: Command.ConversationRead, sequence: sequenceFirst + number });
    const { account, messageId } = fromBinary(ConversationReadReqSchema, packet.body);
    return `${account} ${messageId}`;
  });
  expect(sent).toEqual(["ann 11", "bob 12", "carol 13", "ann 14", "bob 15", "ann 17"]);
  expect(() => moves.frameOf(6)).toThrow("there are 6 moves, and none has the number 6");
});

test("after some of the moves each cursor is at its last one", () => {
  const moves = new CursorMoves(dialect, conversations);
  expect([...moves.cursorsAfter(0)]).toEqual([]);
  expect(Object.fromEntries(moves.cursorsAfter(4))).toEqual({ ann: 14n, bob: 12n, carol: 13n });
  expect(Object.fromEntries(moves.cursorsAfter(6))).toEqual({ ann: 17n, bob: 15n, carol: 13n });
});

/** Talks that end. */
class FewTalks extends TalkTemplate {
  override readonly count = 20;
}

test("who has sent all that there is stops, and the measurement ends with it", async () => {
  const server = new FakeServer("none");
  try {
    const traffic = new Traffic({ audience: 0, until: "answered" });
    const load = quietLoad(server.target, { seconds: 0.5, window: 2 });
    const sender = traffic.sender();
    sender.client = await LoadClient.signIn(server.target, "ann", eventsOf(traffic, sender));
    const plan = { command: Command.UserTalk, dest: "bob", sender: 0, bodyBytes: 100 };
    sender.requests = new FewTalks(sender.client.dialect, plan);
    const [found] = await runLoop(traffic, load);
    expect(found).toMatchObject({ sent: 20, answered: 20, lost: 0 });
    traffic.untilMs = Infinity;
    sender.talk(performance.now());
    expect(sender.sent).toBe(20);
    expect(traffic.untilMs).toBeGreaterThanOrEqual(traffic.fromMs);
    expect(traffic.untilMs).not.toBe(Infinity);
    traffic.disconnect();
  } finally {
    server.stop();
  }
});
