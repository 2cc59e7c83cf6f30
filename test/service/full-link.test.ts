// What a service does when a gateway's link takes nothing more: no request stays unanswered, no one stays signed in who
// was sent away, and a client that missed a push gets a hint to look into the index.

import { expect, test } from "bun:test";
import type { Context } from "../../src/service/context.ts";
import { Dispatcher } from "../../src/service/dispatcher.ts";
import { backlogBytesMax } from "../../src/service/link-backlog.ts";
import { Router } from "../../src/service/router.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, Status } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { FrameKeeper } from "../support/lone-gateway.ts";
import { quietService } from "../support/quiet-service.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** A service that keeps what it is asked, with a gateway whose link is full. */
function fullLink() {
  const time = new ManualTimers();
  /** Time for what is owed to leave. */
  const wait = (): void => time.advance(1_000);
  const asked: Context[] = [];
  const router = new Router([() => (context) => void asked.push(context)]);
  const dispatcher = new Dispatcher();
  const service = quietService({ clock: time, timers: time, router, dispatcher });
  const connection = new FrameKeeper();
  const handler = service.linked(connection, "gate", "i1");
  connection.isFull = true;
  connection.unsentBytes = 1_000;
  const ask = (sequence: number): Context => {
    const packet = Buffer.from(
      encodeLogicPacket({ command: Command.UserTalk, sequence, ticket: 100 + sequence }, new Uint8Array(0)),
    );
    handler.frame(packet, 0, packet.length);
    const context = asked.at(-1);
    if (context === undefined) throw new Error("it was asked");
    return context;
  };
  const drained = (): void => {
    connection.isFull = false;
    connection.unsentBytes = 0;
    wait();
  };
  const push = (command: string, channels: readonly string[]): void => {
    const located = channels.map((channelId) => [{ device: "", gateway: "gate", channelId, incarnation: "i1" }]);
    dispatcher.push({ command, channelId: "", sequence: 0, dest: "d" }, new Uint8Array(8), located, "");
  };
  return { service, dispatcher, connection, handler, ask, drained, push, wait };
}

const channelsOf = ({ header }: LogicPacket): string[] =>
  (header.meta.find(({ key }) => key === MetaKey.DestChannels)?.value ?? "").split(",");

test("an answer that meets a full link is sent when the link takes something again", () => {
  const { service, connection, ask, drained, wait } = fullLink();
  for (const sequence of [1, 2, 3]) ask(sequence).respondView(Buffer.from([sequence]));
  wait();
  expect(connection.packets).toEqual([]);
  // A service that leaves waits for them.
  expect(service.unanswered).toBe(3);
  drained();
  expect(connection.packets.map(({ header, body }) => [header.sequence, header.status, ...body])).toEqual([
    [1, Status.Success, 1],
    [2, Status.Success, 2],
    [3, Status.Success, 3],
  ]);
  expect(connection.packets.map(({ header }) => header.ticket)).toEqual([101, 102, 103]);
  expect(service.unanswered).toBe(0);
});

test("a large answer that meets a full link is not kept: the request is refused as one to be tried again", () => {
  const { service, connection, ask, drained } = fullLink();
  ask(1).respondView(Buffer.alloc(100_000));
  drained();
  expect(connection.packets.map(({ header }) => [header.ticket, header.status])).toEqual([
    [101, Status.ServiceUnavailable],
  ]);
  expect(service.unanswered).toBe(0);
});

test("a client that missed pushes because of a full link gets one hint to look into the index", () => {
  const { connection, drained, push, wait } = fullLink();
  const many = Array.from({ length: 1_000 }, (_, at) => `gate_account_${at}`);
  push(Command.GroupTalk, many);
  push(Command.GroupTalk, many.slice(0, 10));
  push(Command.UserTalk, ["gate_lone_1"]);
  drained();
  expect(connection.packets.map(({ header }) => [header.command, header.flag])).toEqual(
    connection.packets.map(() => [Command.Sync, Flag.Push]),
  );
  expect(connection.packets.flatMap(channelsOf).toSorted()).toEqual([...many, "gate_lone_1"].toSorted());
  connection.frames.length = 0;
  wait();
  expect(connection.packets).toEqual([]);
});

test("a client signed in elsewhere is sent away though the link was full, and a gateway gets its packets", () => {
  const { connection, dispatcher, drained, push } = fullLink();
  push(Command.SignIn, ["gate_old_1"]);
  dispatcher.tell("gate", Command.Resync);
  drained();
  expect(connection.packets.map(({ header }) => header.command)).toEqual([Command.SignIn, Command.Resync]);
  expect(connection.packets.flatMap(channelsOf)).toContain("gate_old_1");
});

test("what is owed stops when the link fills up again, and goes on after that", () => {
  const { connection, ask, drained } = fullLink();
  for (let sequence = 1; sequence <= 10; sequence++) ask(sequence).respondEmpty();
  const reserve = connection.reserve.bind(connection);
  const send = connection.send.bind(connection);
  connection.send = (payload) => {
    const isTaken = send(payload);
    connection.isFull = connection.packets.length >= 4;
    connection.unsentBytes = connection.isFull ? 1_000 : 0;
    return isTaken;
  };
  drained();
  expect(connection.packets).toHaveLength(4);
  Object.assign(connection, { reserve, send });
  drained();
  expect(connection.packets.map(({ header }) => header.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("a link that owes more than may wait is ended: its gateway answers its clients itself", () => {
  const { service, connection, handler, ask } = fullLink();
  const body = Buffer.alloc(512);
  for (let owed = 0; owed <= backlogBytesMax / body.length; owed++) ask(1).respondView(body);
  expect(connection.isOpen).toBe(false);
  handler.closed({ code: 1013, text: "full" });
  expect(service.unanswered).toBe(0);
});
