// What a chat node tells gateways of kicks and revocations, and what it sends to those that ask.

import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { createChatService } from "../../src/roles/chat/commands.ts";
import { RevocationFeed } from "../../src/roles/chat/revocation-feed.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, MetaType, Status } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { decodeRevocations, encodeRevocationsQuestion, type StoredRevocation } from "../../src/wire/revocations.ts";
import { testLimits } from "../support/limits.ts";
import { FrameKeeper } from "../support/lone-gateway.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { talkStore } from "../support/talk-store.ts";
import { until } from "../../scripts/harness/until.ts";
import { systemRuntime } from "../../src/base/runtime.ts";

const row = (id: bigint): StoredRevocation => ({
  id,
  app: "app",
  account: `a${id}`,
  kind: "revoke",
  device: undefined,
  beforeMs: 1_000,
});

/** A store whose rows a test adds, and that it may take away. */
function rowStore(count: number) {
  const rows = Array.from({ length: count }, (_, i) => row(BigInt(i + 1)));
  const state = { isAway: false, identity: "store", reads: 0 };
  const store: Store = {
    ...talkStore({ result: "unknown" }),
    get identity() {
      return { identity: state.identity, place: "here" };
    },
    revocations(after, limit) {
      state.reads++;
      if (state.isAway) return Promise.reject(new StoreUnavailable("away"));
      return Promise.resolve(rows.filter(({ id }) => id > after).slice(0, limit));
    },
  };
  return { rows, state, store };
}

function feedOf(count: number) {
  const { rows, state, store } = rowStore(count);
  const timers = new ManualTimers();
  const told: [gateway: string, version: bigint | undefined][] = [];
  const tell = (gateway: string, command: string, body: Uint8Array = new Uint8Array(0)): void => {
    expect(command).toBe(Command.Revocations);
    told.push([gateway, decodeRevocations(Buffer.from(body))?.version]);
  };
  const bugs: unknown[] = [];
  const feed = new RevocationFeed(store, { tell }, { bug: (bug) => void bugs.push(bug) }, timers);
  const turn = async (): Promise<void> => {
    timers.advance(500);
    await Bun.sleep(1);
  };
  return { rows, state, feed, told, bugs, timers, turn };
}

test("a gateway gets revocations when it links itself, and those of other processes half a second later", async () => {
  const { rows, feed, told, turn } = feedOf(1_200);
  feed.linked("g1");
  await turn();
  expect(told).toEqual([["g1", 1_200n]]);
  feed.linked("g2");
  expect(told.at(-1)).toEqual(["g2", 1_200n]);
  await turn();
  rows.push(row(1_201n));
  await turn();
  expect(told.slice(2)).toEqual([
    ["g1", 1_201n],
    ["g2", 1_201n],
  ]);
});

test("a revocation added by this node goes out before its request is answered, also while it looks", async () => {
  const { rows, feed, told } = feedOf(0);
  feed.linked("g1");
  rows.push(row(5n));
  await feed.added();
  expect(told).toEqual([["g1", 5n]]);
});

test("a store that is away costs nothing but the time until it is back; a bug is counted", async () => {
  const { rows, state, feed, told, bugs, turn } = feedOf(1);
  state.isAway = true;
  feed.linked("g1");
  await turn();
  await turn();
  expect([told, bugs]).toEqual([[], []]);
  state.isAway = false;
  await turn();
  expect(told).toEqual([["g1", 1n]]);
  Object.defineProperty(rows, "filter", {
    value() {
      throw new Error("a bug");
    },
  });
  await turn();
  expect(bugs).toHaveLength(1);
});

test("a replaced store sends its revocations, also if it has fewer", async () => {
  const { rows, state, feed, told, turn } = feedOf(3);
  feed.linked("g1");
  await turn();
  state.identity = "restored";
  rows.length = 2;
  await turn();
  expect(told).toEqual([
    ["g1", 3n],
    ["g1", 2n],
  ]);
});

test("without a gateway the store is left alone", async () => {
  const { state, feed, timers, turn } = feedOf(1);
  feed.linked("g1");
  await turn();
  feed.lost("g1");
  await turn();
  const { reads } = state;
  await turn();
  expect([state.reads, timers.pending]).toEqual([reads, 0]);
  feed.linked("g1");
  feed.stop();
  await turn();
  expect(timers.pending).toBe(0);
});

/** A chat service with one link, over which a test says what a gateway or a client would. */
function serviceOf(store: Store) {
  const metrics = new Metrics();
  const service = createChatService({
    ...defaultSettings("chat"),
    store,
    sessions: new MemorySessions(),
    metrics: metrics.forService("chat-1", "chat"),
    latency: metrics.talkLatency,
    ...systemRuntime,
    limits: testLimits(),
    control: new ControlCommands({}, () => undefined),
    log: silentLog,
  });
  const connection = new FrameKeeper();
  const link = service.linked(connection, "gate", "1");
  const ask = (body: Uint8Array, account = "", ticket = 0): void => {
    const meta = [
      { key: MetaKey.App, value: account === "" ? "" : "app", type: MetaType.string },
      { key: MetaKey.Account, value: account, type: MetaType.string },
      { key: MetaKey.DestServer, value: "gate", type: MetaType.string },
    ];
    const packet = Buffer.from(
      encodeLogicPacket({ command: Command.Revocations, channelId: account, meta, ticket }, body),
    );
    link.frame(packet, 0, packet.length);
  };
  const said = () =>
    connection.packets
      .filter(({ header }) => header.flag === Flag.Push && header.command === Command.Revocations)
      .map(({ body }) => decodeRevocations(Buffer.from(body)));
  return { service, connection, ask, said };
}

test("a gateway that asks gets rows in pages, up to what is known although it is not kept any more", async () => {
  const { rows, store } = rowStore(700);
  const { service, ask, said } = serviceOf(store);
  await until(() => said().length === 1, "the gateway is told");
  rows.pop();
  for (const after of [0n, 500n, 700n]) {
    ask(encodeRevocationsQuestion(after));
    await Bun.sleep(1);
  }
  expect(said()).toMatchObject([
    { store: "store", version: 700n },
    { store: "store", version: 500n, after: 0n, rows: rows.slice(0, 500) },
    { store: "store", version: 700n, after: 500n, rows: rows.slice(500) },
    { store: "store", version: 700n, after: 700n, rows: [] },
  ]);
  expect(service.unanswered).toBe(0);
  await service.drain(0);
});

test("a client that asks is refused, and so is what is no question", async () => {
  const { service, connection, ask, said } = serviceOf(rowStore(2).store);
  await until(() => said().length === 1, "the gateway is told");
  ask(encodeRevocationsQuestion(0n), "mallory", 1);
  ask(Buffer.from("{}"), "", 2);
  await Bun.sleep(1);
  expect(said()).toHaveLength(1);
  expect(
    connection.packets.filter(({ header }) => header.flag === Flag.Response).map(({ header }) => header.status),
  ).toEqual([Status.NotImplemented, Status.InvalidPacketBody]);
  await service.drain(0);
});
