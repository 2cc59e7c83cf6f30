// Changes of presence and signals at a gateway: they are dropped before any message is, and who was not told a change
// is told to look, sparingly.

import { describe, expect, test } from "bun:test";
import { ChannelState } from "../../src/roles/gateway/channel-state.ts";
import { OwedHints } from "../../src/roles/gateway/owed-hints.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, MetaType } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { type LoneClient, loneGateway } from "../support/lone-gateway.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });

function push(command: string, channels: readonly string[], body = "changed"): Buffer {
  const routing = [meta(MetaKey.DestServer, "gate"), meta(MetaKey.DestChannels, channels.join())];
  return Buffer.from(encodeLogicPacket({ command, flag: Flag.Push, meta: routing }, Buffer.from(body)));
}

function fixture(clients: number, values: Parameters<typeof loneGateway>[0] = {}) {
  const time = new ManualTimers();
  const lone = loneGateway(values);
  const { gateway, downlink, client } = lone;
  const pressure = { isPressed: false };
  const owedHints = new OwedHints(pressure, time);
  Object.assign(gateway, { owedHints });
  const all = Array.from({ length: clients }, (_, at) => client(`c${at}`));
  const receive = (command: string, channels: readonly string[], body?: string): void => {
    const packet = push(command, channels, body);
    downlink.frame(packet, 0, packet.length);
  };
  return { ...lone, time, all, pressure, receive };
}

const commandsOf = ({ connection }: LoneClient): string[] => connection.packets.map(({ header }) => header.command);
const syncs = (client: LoneClient): number => commandsOf(client).filter((command) => command === Command.Sync).length;

describe("pushes that may be dropped", () => {
  test("are passed on as others are", () => {
    const { all, receive } = fixture(3);
    receive(Command.PresenceChanged, ["c0"]);
    receive(Command.Signal, ["c0", "c1", "nobody"]);
    expect(all.map(commandsOf)).toEqual([[Command.PresenceChanged, Command.Signal], [Command.Signal], []]);
    expect(all[0]?.connection.packets[0]?.header.meta).toEqual([]);
    expect(Buffer.from(all[0]?.connection.packets[0]?.body ?? []).toString()).toBe("changed");
  });

  test("to a few do not wait behind those to groups, and to many are written in their turn", async () => {
    const { all, receive, gateway } = fixture(2_000);
    const ids = all.map((_, at) => `c${at}`);
    receive(Command.GroupTalk, ids);
    receive(Command.GroupTalk, ids);
    expect(gateway.pushes.isWaiting).toBe(true);
    receive(Command.PresenceChanged, ["c1999"]);
    receive(Command.Signal, ids);
    expect(all[1_999] && commandsOf(all[1_999])).toContain(Command.PresenceChanged);
    while (gateway.pushes.isWaiting) await Bun.sleep(0);
    for (const client of all.slice(0, 1_999))
      expect(commandsOf(client)).toEqual([Command.GroupTalk, Command.GroupTalk, Command.Signal]);
  });

  test("are not written to a connection that reads slowly, and messages are", () => {
    const { all, receive } = fixture(2);
    const [slow, other] = all;
    if (slow === undefined || other === undefined) throw new Error("there are two");
    slow.connection.unsentBytes = 64 * 1024 + 1;
    for (const command of [Command.PresenceChanged, Command.Signal, Command.UserTalk]) receive(command, ["c0", "c1"]);
    expect(commandsOf(slow)).toEqual([Command.UserTalk]);
    expect(commandsOf(other)).toEqual([Command.PresenceChanged, Command.Signal, Command.UserTalk]);
    slow.connection.unsentBytes = 64 * 1024;
    receive(Command.Signal, ["c0"]);
    expect(commandsOf(slow)).toEqual([Command.UserTalk, Command.Signal]);
  });

  test("never cause a connection to be closed for what it has not read", () => {
    const { all, receive, time } = fixture(1, { unsentBytes: 16 * 1024 });
    const [only] = all;
    if (only === undefined) throw new Error("there is one");
    only.connection.unsentBytes = 8 * 1024;
    receive(Command.PresenceChanged, ["c0"], "x".repeat(9_000));
    only.connection.unsentBytes++;
    receive(Command.Signal, ["c0"]);
    expect(commandsOf(only)).toEqual([]);
    only.connection.unsentBytes = 0;
    receive(Command.Signal, ["c0"], "x".repeat(16_000));
    receive(Command.Signal, ["c0"], "x".repeat(17_000));
    expect(commandsOf(only)).toEqual([Command.Signal]);
    time.advance(2_000);
    expect(syncs(only)).toBe(1);
  });

  test("do not end a sign-in that is not answered yet, as held messages may", () => {
    const { receive, fresh, gateway } = fixture(0);
    const { channel, connection } = fresh();
    Object.assign(channel, { id: "p", app: "app", account: "p", state: ChannelState.Pending });
    gateway.channels.set("p", channel);
    for (let sent = 0; sent < 100; sent++) receive(Command.Signal, ["p"], "x".repeat(1_024));
    expect([connection.isOpen, connection.frames.length]).toEqual([true, 0]);
  });

  test("are dropped while megabytes wait for groups, and no message is", async () => {
    const { all, receive, gateway, time } = fixture(30);
    const ids = all.map((_, at) => `c${at}`);
    for (let sent = 0; sent < 20; sent++) receive(Command.GroupTalk, ids, "x".repeat(500_000));
    expect(gateway.pushes.isPressed).toBe(true);
    receive(Command.Signal, ["c1"]);
    receive(Command.Signal, ids);
    receive(Command.PresenceChanged, ["c1"]);
    while (gateway.pushes.isWaiting) await Bun.sleep(0);
    const [, second] = all;
    if (second === undefined) throw new Error("there are many");
    expect(commandsOf(second)).toEqual(Array.from({ length: 20 }, () => Command.GroupTalk));
    time.advance(10_000);
    expect(all.map(syncs).filter((count) => count > 0)).toEqual([1]);
    expect(syncs(second)).toBe(1);
  });
});

describe("the hint that is owed", () => {
  test("comes once the connection has read, however many changes were dropped; signals cause none", () => {
    const { all, receive, time } = fixture(2);
    const [slow, other] = all;
    if (slow === undefined || other === undefined) throw new Error("there are two");
    other.connection.unsentBytes = slow.connection.unsentBytes = 100_000;
    for (let sent = 0; sent < 1_000; sent++) receive(Command.PresenceChanged, ["c0"]);
    receive(Command.Signal, ["c1"]);
    time.advance(60_000);
    expect(syncs(slow)).toBe(0);
    slow.connection.unsentBytes = other.connection.unsentBytes = 0;
    time.advance(5_000);
    expect([syncs(slow), syncs(other)]).toEqual([1, 0]);
    time.advance(60_000);
    expect([syncs(slow), time.pending]).toEqual([1, 0]);
  });

  test("comes to a connection once in 15 seconds at most, and after the last change that was dropped", () => {
    const { all, receive, time } = fixture(1);
    const [slow] = all;
    if (slow === undefined) throw new Error("there is one");
    for (let second = 0; second < 60; second++) {
      slow.connection.unsentBytes = 100_000;
      receive(Command.PresenceChanged, ["c0"]);
      slow.connection.unsentBytes = 0;
      time.advance(1_000);
    }
    const during = syncs(slow);
    expect(during).toBeGreaterThanOrEqual(3);
    expect(during).toBeLessThanOrEqual(5);
    time.advance(20_000);
    expect(syncs(slow)).toBe(during + 1);
  });

  test("goes to 200 connections a second, and to none while much waits for the gateway's clients", () => {
    const { all, receive, time, pressure } = fixture(1_000);
    for (const client of all) client.connection.unsentBytes = 100_000;
    receive(
      Command.PresenceChanged,
      all.map((_, at) => `c${at}`),
    );
    for (const client of all) client.connection.unsentBytes = 0;
    pressure.isPressed = true;
    time.advance(10_000);
    expect(all.filter((client) => syncs(client) > 0)).toEqual([]);
    pressure.isPressed = false;
    const told = (): number => all.filter((client) => syncs(client) > 0).length;
    let before = 0;
    for (let second = 0; second < 5; second++) {
      time.advance(1_000);
      expect(told() - before).toBe(200);
      before = told();
    }
    expect(all.every((client) => syncs(client) === 1)).toBe(true);
  });

  test("of a connection that has ended is forgotten", () => {
    const { all, receive, time } = fixture(1);
    const [slow] = all;
    if (slow === undefined) throw new Error("there is one");
    slow.connection.unsentBytes = 100_000;
    receive(Command.PresenceChanged, ["c0"]);
    slow.channel.closed({ code: 1000, text: "" });
    time.advance(2_000);
    expect([time.pending, syncs(slow)]).toEqual([0, 0]);
  });
});
