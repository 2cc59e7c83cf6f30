// Presence and signals in a cluster of two gateways and two chat nodes, with clients over TCP, for the session engine
// of one process and for one that each node opens by itself.

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { until } from "../../scripts/harness/until.ts";
import { signToken } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { ControlCommands } from "../../src/observe/control-commands.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { createChatService } from "../../src/roles/chat/commands.ts";
import type { GatewayRole } from "../../src/roles/gateway/gateway-role.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  LoginReqSchema,
  MessageReqSchema,
  PresenceReqSchema,
  PresenceStatesSchema,
  SignalSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { FakePeople } from "../support/fake-people.ts";
import { testLimits } from "../support/limits.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { talkStore } from "../support/talk-store.ts";
import { WireClient } from "../support/wire-client.ts";
import { stored } from "./conversation-stage.ts";
import { shown } from "./presence-stage.ts";

const key = new TextEncoder().encode("the key of a test with gateways");

const engines: readonly (readonly [string, (folder: string) => () => Promise<Sessions>])[] = [
  [
    "in memory",
    () => {
      const sessions = new MemorySessions();
      return () => Promise.resolve(sessions);
    },
  ],
  [
    "in a file that each node opens",
    (folder) => () => openSqliteSessions({ path: join(folder, "s.db"), log: silentLog }),
  ],
];

describe.each(engines)("sessions %s", (_, engineIn) => {
  const endings: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of endings.splice(0).toReversed()) await end();
  });

  async function fixture() {
    const folder = mkdtempSync(join(tmpdir(), "roost-presence-"));
    endings.push(() => rmSync(folder, { recursive: true, force: true }));
    const openSessions = engineIn(folder);
    const open = async (): Promise<Sessions> => {
      const sessions = await openSessions();
      endings.push(() => sessions.close());
      return sessions;
    };
    const cluster = new MemoryCluster();
    cluster.limits = testLimits({ unsentBytes: 2 ** 28, unsentBytesInAll: 2 ** 30 });
    endings.push(() => cluster.stop());
    const metrics = new Metrics();
    const people = new FakePeople();
    const login = metrics.forService("login", "login");
    await cluster.startNode(cluster.around("login", "login"), cluster.login(await open(), login), login);
    const startChat = async (id: string): Promise<void> => {
      const ofChat = metrics.forService(id, "chat");
      const service = createChatService({
        ...defaultSettings("chat"),
        ...systemRuntime,
        store: { ...talkStore(stored), people },
        sessions: await open(),
        metrics: ofChat,
        latency: metrics.talkLatency,
        limits: testLimits(),
        control: new ControlCommands({}, () => undefined),
        log: silentLog,
      });
      await cluster.startNode(cluster.around(id, "chat"), service, ofChat);
    };
    await startChat("chat-1");
    await startChat("chat-2");
    const startGateway = async (id: string): Promise<GatewayRole & { readonly tcp: string }> => {
      const role = cluster.gateway(cluster.around(id, "gateway"), metrics.forService(id, "gateway"), key);
      const { tcp = "" } = await role.start();
      endings.push(() => role.drain(0, 0));
      return Object.assign(role, { tcp });
    };
    const gateways = [await startGateway("gate-1"), await startGateway("gate-2")] as const;
    let devices = 0;
    const client = async (account: string, gateway: 0 | 1 = 0): Promise<WireClient> => {
      const made = await WireClient.connect(gateways[gateway].tcp);
      endings.push(() => made.terminate());
      const token = await signToken(key, { account, app: "app", ttlSeconds: 600 });
      const init = { token, device: `d${devices++}`, features: ["conversations"] };
      const answer = await made.request(Command.SignIn, "", LoginReqSchema, init);
      expect(answer.status).toBe(Status.Success);
      return made;
    };
    return { cluster, people, gateways, client };
  }

  const watch = async (client: WireClient, ...accounts: string[]): Promise<string[]> => {
    const answer = await client.request(Command.PresenceWatch, "", PresenceReqSchema, { accounts });
    expect(answer.status).toBe(Status.Success);
    return shown(answer.body);
  };
  const countOf = (client: WireClient, command: string): number =>
    client.pushes.filter(({ header }) => header.command === command).length;
  /** What a client has been told of accounts in the end: devices. */
  const view = (client: WireClient): Record<string, number> =>
    Object.fromEntries(
      client.pushes
        .filter(({ header }) => header.command === Command.PresenceChanged)
        .flatMap(({ body }) => shown(body).map((state) => state.split(" ")))
        .map(([account, devicesOf]) => [account, Number(devicesOf)]),
    );
  const sees = (client: WireClient, account: string, devicesOf: number): Promise<void> =>
    until(() => view(client)[account] === devicesOf, `${account} is seen on ${devicesOf} devices`);

  test("who comes and goes at one gateway is told to who watches at another", async () => {
    const { client } = await fixture();
    const [ann, dan] = [await client("ann"), await client("dan", 1)];
    const bob = await client("bob", 1);
    expect(await watch(ann, "bob", "cy")).toEqual(["bob 1 0", "cy 0 0"]);
    expect(await watch(dan, "bob")).toEqual(["bob 1 0"]);
    const second = await client("bob");
    await Promise.all([sees(ann, "bob", 2), sees(dan, "bob", 2)]);
    second.terminate();
    bob.terminate();
    await Promise.all([sees(ann, "bob", 0), sees(dan, "bob", 0)]);
    const [last] = (await ann.pushed(Command.PresenceChanged, PresenceStatesSchema)).slice(-1);
    expect(last?.states[0]?.lastSeen).toBeGreaterThan(0n);
    await client("cy");
    await sees(ann, "cy", 1);
    expect(view(dan)).toEqual({ bob: 0 });
  }, 30_000);

  test("watches on a chat node that is lost are made again after chat.sync, and are right", async () => {
    const { client, cluster } = await fixture();
    const watchers = await Promise.all(["ann", "dan", "eve", "fay"].map((account) => client(account)));
    await client("bob", 1);
    for (const each of watchers) await watch(each, "bob");
    await cluster.kill("chat-1");
    await until(() => watchers.every((each) => countOf(each, Command.Sync) > 0), "all are told to look");
    for (const each of watchers) expect(await watch(each, "bob")).toEqual(["bob 1 0"]);
    await client("bob", 1);
    for (const each of watchers) await sees(each, "bob", 2);
  }, 30_000);

  test("a gateway that leaves takes its accounts along", async () => {
    const { client, gateways } = await fixture();
    const ann = await client("ann");
    await client("bob", 1);
    await client("bob", 0);
    await watch(ann, "bob");
    await gateways[1].drain(0, 0);
    await sees(ann, "bob", 1);
  }, 30_000);

  test("a block that any node stores ends a watch, and looks as if the account had left", async () => {
    const { client, people } = await fixture();
    const ann = await client("ann");
    await client("bob", 1);
    await watch(ann, "bob");
    await people.block({ app: "app", account: "bob", blocked: "ann" });
    await sees(ann, "bob", 0);
    const told = countOf(ann, Command.PresenceChanged);
    await client("bob", 1);
    const dan = await client("dan");
    expect(await watch(dan, "bob")).toEqual(["bob 2 0"]);
    await client("bob", 1);
    await sees(dan, "bob", 3);
    expect(countOf(ann, Command.PresenceChanged)).toBe(told);
  }, 30_000);

  test("a signal reaches who is online at any gateway, in order", async () => {
    const { client } = await fixture();
    const [ann, other, bob] = [await client("ann"), await client("ann", 1), await client("bob", 1)];
    for (let at = 0; at < 50; at++)
      await ann.request(Command.Signal, "", SignalSchema, { account: "bob", kind: "call.ice", body: `${at}` });
    const wanted = Array.from({ length: 50 }, (_at, at) => `${at}`);
    for (const reached of [bob, other])
      expect((await reached.pushed(Command.Signal, SignalSchema, 50)).map(({ body }) => body)).toEqual(wanted);
    expect(countOf(ann, Command.Signal)).toBe(0);
  }, 30_000);

  test("a client that does not read is told nothing more, and to look once it has read", async () => {
    const { client } = await fixture();
    const [ann, dan, cy] = [await client("ann"), await client("dan"), await client("cy", 1)];
    await client("bob", 1);
    await watch(ann, "bob");
    await watch(dan, "bob");
    ann.pause();
    // What the kernel does not take waits at the gateway.
    for (let sent = 0; sent < 1_000; sent += 50)
      await Promise.all(
        Array.from({ length: 50 }, () =>
          cy.request(Command.UserTalk, "ann", MessageReqSchema, { type: 1, body: "x".repeat(16_000) }),
        ),
      );
    await client("bob", 1);
    await sees(dan, "bob", 2);
    await client("bob", 1);
    await sees(dan, "bob", 3);
    for (let sent = 0; sent < 20; sent++)
      await cy.request(Command.Signal, "", SignalSchema, { account: "ann", kind: "mine", body: `${sent}` });
    ann.resume();
    await until(() => countOf(ann, Command.UserTalk) === 1_000, "every message came");
    await until(() => countOf(ann, Command.Sync) === 1, "it is told to look");
    expect([countOf(ann, Command.PresenceChanged), countOf(ann, Command.Signal)]).toEqual([0, 0]);
    expect(await watch(ann, "bob")).toEqual(["bob 3 0"]);
    await client("bob", 1);
    await sees(ann, "bob", 4);
  }, 60_000);
});
