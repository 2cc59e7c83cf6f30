import { expect, test } from "bun:test";
import { SyncHints } from "../../src/roles/gateway/sync-hints.ts";
import { ChannelState } from "../../src/roles/gateway/channel-state.ts";
import { Downlink } from "../../src/roles/gateway/downlink.ts";
import { Link } from "../../src/routing/links.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, MetaType } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { FrameKeeper, type LoneClient, loneGateway } from "../support/lone-gateway.ts";
import { ManualTimers } from "../support/manual-timers.ts";

function fixture(clients: number) {
  const timers = new ManualTimers();
  const { gateway, client } = loneGateway();
  const all = Array.from({ length: clients }, (_, at) => client(`c${at}`));
  const hints = new SyncHints(timers, timers);
  const pass = (ms: number): void => timers.advance(ms);
  return { timers, hints, all, pass, everybody: () => hints.add(gateway.channels.values()) };
}

const syncs = ({ connection }: LoneClient): number =>
  connection.packets.filter(({ header }) => header.command === Command.Sync).length;
const told = (clients: readonly LoneClient[]): number => clients.filter((client) => syncs(client) > 0).length;

test("many causes within seconds are one hint for each client", () => {
  const { all, pass, everybody, timers } = fixture(10);
  // Four nodes are lost and come back.
  for (let node = 0; node < 4; node++) everybody();
  expect(told(all)).toBe(0);
  for (let node = 0; node < 4; node++) {
    pass(500);
    everybody();
  }
  expect(told(all)).toBe(0);
  pass(1_020);
  expect(all.map(syncs)).toEqual(all.map(() => 1));
  pass(20_000);
  expect(all.map(syncs)).toEqual(all.map(() => 1));
  expect(timers.pending).toBe(0);
});

test("causes that never end do not keep clients waiting for more than five seconds", () => {
  const { all, pass, everybody } = fixture(3);
  for (let passed = 0; passed < 6_000; passed += 500) {
    everybody();
    pass(500);
  }
  expect(told(all)).toBe(3);
});

test("thousands of hints go out over seconds, some at each step, one for each account", () => {
  const { all, pass, everybody } = fixture(15_000);
  everybody();
  pass(980);
  let before = 0;
  for (let step = 0; step < 170; step++) {
    pass(20);
    const now = told(all.slice(before)) + before;
    expect(now - before).toBeLessThanOrEqual(100);
    before = now;
  }
  expect(before).toBe(15_000);
  expect(all.every((client) => syncs(client) === 1)).toBe(true);
});

test("an account that got a hint gets another for what came later, and one that got none gets one", () => {
  const { all, pass, everybody } = fixture(1_000);
  everybody();
  pass(1_100);
  const early = told(all);
  expect(early).toBeGreaterThan(0);
  expect(early).toBeLessThan(1_000);
  everybody();
  pass(10_000);
  expect(all.filter((client) => syncs(client) === 2)).toHaveLength(early);
  expect(all.filter((client) => syncs(client) === 1)).toHaveLength(1_000 - early);
});

test("a client that has gone meanwhile is passed over, and after the end no hints are sent", () => {
  const { all, pass, everybody, hints } = fixture(2);
  everybody();
  const [gone, other] = all;
  if (gone === undefined || other === undefined) throw new Error("there are two");
  gone.channel.state = ChannelState.Closed;
  pass(1_100);
  expect([syncs(gone), syncs(other)]).toEqual([0, 1]);
  everybody();
  hints.stop();
  pass(10_000);
  expect(syncs(other)).toBe(1);
});

test("a gateway that loses four links, and whose sessions are restored, tells each client once", async () => {
  const { gateway, downlink, client } = loneGateway();
  const [alice, bob] = [client("alice"), client("bob")];
  const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });
  const restored = Buffer.from(
    encodeLogicPacket(
      {
        command: Command.Sync,
        flag: Flag.Push,
        meta: [meta(MetaKey.DestServer, "gate"), meta(MetaKey.DestChannels, "alice")],
      },
      new Uint8Array(0),
    ),
  );
  for (let node = 0; node < 4; node++)
    new Downlink(gateway, new Link<Channel>("chat", `chat-${node}`, new FrameKeeper())).closed(closeAbnormal);
  downlink.frame(restored, 0, restored.length);
  while (syncs(bob) === 0) await Bun.sleep(10);
  expect([syncs(alice), syncs(bob)]).toEqual([1, 1]);
  expect(alice.connection.packets[0]?.header.meta).toEqual([]);
});
