import { expect, test } from "bun:test";
import { turnCostMax } from "../../src/base/limits/fixed.ts";
import { writeCost } from "../../src/service/dispatcher.ts";
import { PushQueue } from "../../src/roles/gateway/push-queue.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, MetaType } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { loneGateway } from "../support/lone-gateway.ts";
import { Random, testSeed } from "../support/random.ts";
import { Turns } from "../support/turns.ts";

/** A queue that notes what it writes: connection and the packet's first byte. */
function fixture() {
  const turns = new Turns();
  const written: [channel: string, packet: number][] = [];
  const queue = new PushQueue((channel, packet) => written.push([channel, packet[0] ?? 0]), turns.soon);
  return { turns, written, queue };
}

const names = (count: number, prefix = "c"): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);

/** Connections to which one small push is written in a turn. */
const inTurn = turnCostMax / (1 + writeCost);

test("a push to thousands takes several turns, in the order of its connections", () => {
  const { turns, written, queue } = fixture();
  expect(queue.mayWrite(names(512), 100)).toBe(true);
  expect(queue.mayWrite(names(1, "d"), 100)).toBe(false);
  queue.add(Buffer.of(1), names(5_000));
  expect(written).toHaveLength(0);
  const most: number[] = [];
  for (let before = 0; turns.end(); before = written.length) most.push(written.length - before);
  expect(most.length).toBeGreaterThan(5);
  expect(Math.max(...most)).toBeLessThanOrEqual(Math.ceil(inTurn));
  expect(written.map(([channel]) => channel)).toEqual(names(5_000));
  expect(queue.isWaiting).toBe(false);
  expect(queue.mayWrite(names(512), 100)).toBe(true);
});

test("of large packets fewer are written in a turn", () => {
  const { turns, written, queue } = fixture();
  queue.add(Buffer.alloc(64 * 1024), names(600));
  turns.end();
  expect(written.length).toBeLessThan(inTurn / 2);
  expect(written.length).toBeGreaterThan(0);
  turns.endAll();
  expect(written).toHaveLength(600);
});

test("pushes to the same connections leave together, beyond the turn's share as far again", () => {
  const { turns, queue, written } = fixture();
  for (let push = 0; push < 100; push++) queue.add(Buffer.of(push), names(100));
  for (let push = 0; push < 100; push++) queue.add(Buffer.of(push), names(100, "d"));
  for (let before = 0; turns.end(); before = written.length) {
    // A turn ends with whole pushes: none of them leaves to a half of its connections.
    expect(written.length % 100).toBe(0);
    expect(written.length - before).toBeLessThanOrEqual(2 * turnCostMax + 100);
    if (before === 0) expect(written.length).toBeGreaterThan(turnCostMax);
  }
  expect(written).toHaveLength(20_000);
});

test("others' connections are not written to beyond the turn's share", () => {
  const { turns, queue, written } = fixture();
  for (let push = 0; push < 100; push++) queue.add(Buffer.of(push), names(20, `c${push}-`));
  turns.end();
  expect(written.length).toBeLessThanOrEqual(inTurn + 20);
  turns.endAll();
  expect(written).toHaveLength(2_000);
});

test("too many bytes that wait are written at once, the oldest first", () => {
  const { queue, written } = fixture();
  for (let push = 0; push < 20; push++) queue.add(Buffer.alloc(1024 * 1024, push), names(2));
  expect(written.map(([, push]) => push)).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4]);
  queue.flush();
  expect(written).toHaveLength(40);
});

test("each connection gets what is for it in the order of adding, whatever else waits", () => {
  const random = new Random(testSeed("push queue"));
  const { turns, written, queue } = fixture();
  const added = new Map<string, number[]>();
  for (let push = 0; push < 200; push++) {
    const channels = names(1 + random.below(700)).filter(() => !random.once(3));
    if (channels.length === 0) continue;
    for (const channel of channels) added.set(channel, [...(added.get(channel) ?? []), push]);
    if (queue.mayWrite(channels, 1)) for (const channel of channels) written.push([channel, push]);
    else queue.add(Buffer.of(push), channels);
    if (random.once(4)) turns.end();
  }
  turns.endAll();
  const got = new Map<string, number[]>();
  for (const [channel, push] of written) got.set(channel, [...(got.get(channel) ?? []), push]);
  expect(got).toEqual(added);
});

const push = (command: string, channels: readonly string[], dest: string): Buffer => {
  const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });
  const routing = [meta(MetaKey.DestServer, "gate"), meta(MetaKey.DestChannels, channels.join())];
  return Buffer.from(encodeLogicPacket({ command, flag: Flag.Push, dest, meta: routing }, Buffer.from("body")));
};

test("a message to one account does not wait behind those to a group, which keep their order", async () => {
  const { client, downlink } = loneGateway();
  const clients = names(2_000).map((name) => client(name));
  const last = clients.at(-1);
  if (last === undefined) throw new Error("there are clients");
  const receive = (packet: Buffer): void => downlink.frame(packet, 0, packet.length);
  // As a node sends them: some hundreds of ids in a packet.
  for (let at = 0; at < 2_000; at += 250) receive(push(Command.GroupTalk, names(2_000).slice(at, at + 250), "group"));
  expect(last.connection.frames).toHaveLength(0);
  receive(push(Command.GroupQuit, [last.channel.id], "group"));
  receive(push(Command.UserTalk, [last.channel.id], "bob"));
  expect(last.connection.packets.map(({ header }) => header.command)).toEqual([Command.UserTalk]);
  while (last.connection.frames.length < 3) await Bun.sleep(0);
  expect(last.connection.packets.map(({ header }) => header.command)).toEqual([
    Command.UserTalk,
    Command.GroupTalk,
    Command.GroupQuit,
  ]);
  for (const { connection } of clients) {
    expect(connection.packets[connection === last.connection ? 1 : 0]?.header).toMatchObject({
      command: Command.GroupTalk,
      meta: [],
    });
  }
});
