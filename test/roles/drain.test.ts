// Leaving in good order: a gateway sends its clients away over some time and answers what it has read; a logic node is
// chosen no more, and loses nothing of what it was asked.

import { expect, test } from "bun:test";
import { signToken } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import { testLimits } from "../support/limits.ts";
import type { Context } from "../../src/service/context.ts";
import type { LogicNode } from "../../src/node/logic-node.ts";
import { Router } from "../../src/service/router.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { GatewayRole } from "../../src/roles/gateway/gateway-role.ts";
import { createLoginService } from "../../src/roles/login/commands.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { Flag, Status } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket } from "../../src/wire/packet.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { Messenger } from "../support/messenger.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";
import { quietService } from "../support/quiet-service.ts";
import { endings } from "../support/endings.ts";
import { systemRuntime } from "../../src/base/runtime.ts";

const key = new TextEncoder().encode("the key of a test of leaving");
const closing = endings();

/** A chat node whose requests a test answers. */
interface Chat {
  readonly node: LogicNode;
  readonly asked: Context[];
}

/** A gateway with a login service and some chat nodes. */
class Cluster {
  readonly metrics = new Metrics();
  readonly gatewayMetrics = this.metrics.forService("gate", "gateway");
  readonly sessions = new MemorySessions();
  /** What a chat node does with a request. */
  answer: (context: Context) => void = (context) => context.respondEmpty();
  readonly gateway: GatewayRole;
  private readonly cluster = new MemoryCluster();
  private tcp = "";

  constructor() {
    closing.push(() => this.cluster.stop());
    this.gateway = this.cluster.gateway(this.cluster.around("gate", "gateway"), this.gatewayMetrics, key);
  }

  async start(...chats: string[]): Promise<readonly Chat[]> {
    const { sessions, cluster, metrics } = this;
    const ofLogin = metrics.forService("login", "login");
    const { service: login, stop } = createLoginService({
      ...systemRuntime,
      sessions,
      metrics: ofLogin,
      limits: testLimits(),
      log: silentLog,
    });
    closing.push(stop);
    await cluster.startNode(cluster.around("login", "login"), login, ofLogin);
    const started: Chat[] = [];
    for (const id of chats) started.push(await this.chat(id));
    const { tcp = "" } = await this.gateway.start();
    this.tcp = tcp;
    closing.push(() => this.gateway.drain(0, 0));
    await until(() => this.gateway.missingServices().length === 0, "nodes of each service can be chosen");
    return started;
  }

  private async chat(id: string): Promise<Chat> {
    const asked: Context[] = [];
    const take = (): ((context: Context) => void) => (context) => {
      asked.push(context);
      this.answer(context);
    };
    const service = quietService({ router: new Router([take]) });
    const node = await this.cluster.startNode(
      this.cluster.around(id, "chat"),
      service,
      this.metrics.forService(id, "chat"),
    );
    return { node, asked };
  }

  stranger(): Promise<WireClient> {
    return WireClient.connect(this.tcp);
  }

  async client(account: string): Promise<WireClient> {
    const client = await this.stranger();
    await client.signIn(await signToken(key, { account, app: "app", ttlSeconds: 60 }));
    return client;
  }

  clients(count: number): Promise<WireClient[]> {
    return Promise.all(Array.from({ length: count }, (_, at) => this.client(`user${at}`)));
  }
}

/** The statuses of the answers to talks that a client has got. */
function answered({ payloads }: WireClient): Status[] {
  return payloads.flatMap((payload) => {
    const packet = decodePacket(payload);
    if (packet.kind !== "logic") return [];
    const { command, flag, status } = packet.header;
    return command === Command.UserTalk && flag === Flag.Response ? [status] : [];
  });
}

test("a gateway closes 200 clients with 1012 over the given time, and answers every request it has read", async () => {
  const cluster = new Cluster();
  await cluster.start("chat");
  const clients = await cluster.clients(200);
  cluster.answer = (context) => void setTimeout(() => context.respondEmpty(), 10);
  // They talk until they are asked to go.
  const talking = clients.map(async (client, at) => {
    for (let sequence = 1_000; !client.isClosed; sequence++) {
      client.send({ command: Command.UserTalk, dest: `user${at}`, sequence });
      await Bun.sleep(20);
    }
  });
  const sessionsLeft = (): number => clients.filter(({ isClosed }) => !isClosed).length;
  const drained = cluster.gateway.drain(8_000, 1_000);
  await until(() => sessionsLeft() < clients.length, "the first are sent away");
  // A client whose turn has not come is served as before.
  const waiting = clients
    .filter(({ isClosed }) => !isClosed)
    .toSorted((a, b) => answered(a).length - answered(b).length);
  const before = new Map(waiting.map((client) => [client, answered(client).length]));
  await until(() => waiting.some((client) => answered(client).length > (before.get(client) ?? 0)), "one is answered");
  await drained;
  await Promise.all(talking);
  const reasons = await Promise.all(clients.map((client) => client.ending()));
  expect(new Set(reasons.map(({ code }) => code))).toEqual(new Set([CloseCode.Leaving]));
  const read = cluster.gatewayMetrics.commands.counts.get(Command.UserTalk)?.count ?? 0;
  const answers = clients.flatMap(answered);
  expect(read).toBeGreaterThan(clients.length);
  expect(answers).toHaveLength(read);
  // Those that came when a client's turn had come were refused; the others were served.
  expect(answers.filter((status) => status === Status.Success).length).toBeGreaterThan(clients.length);
  expect(new Set(answers).difference(new Set([Status.Success, Status.ServiceUnavailable])).size).toBe(0);
  expect(cluster.gatewayMetrics.channels).toBe(0);
});

test("a client with a request under way is kept until it is answered, while the others go", async () => {
  const cluster = new Cluster();
  const [chat] = await cluster.start("chat");
  cluster.answer = () => undefined;
  const [slow, idle] = await cluster.clients(2);
  if (slow === undefined || idle === undefined || chat === undefined) throw new Error("two clients and a node");
  const talk = slow.requestBytes(Command.UserTalk, "bob", new Uint8Array(0));
  await until(() => chat.asked.length === 1, "the request arrives");
  const drained = cluster.gateway.drain(8_000, 0);
  expect((await idle.ending()).code).toBe(CloseCode.Leaving);
  const late = slow.requestBytes(Command.UserTalk, "bob", new Uint8Array(0));
  expect((await late).status).toBe(Status.ServiceUnavailable);
  expect(slow.isClosed).toBe(false);
  chat.asked[0]?.respondEmpty();
  expect((await talk).status).toBe(Status.Success);
  expect((await slow.ending()).code).toBe(CloseCode.Leaving);
  await drained;
  expect(chat.asked).toHaveLength(1);
});

test("a request that is never answered does not keep a gateway longer than it may take", async () => {
  const cluster = new Cluster();
  const [chat] = await cluster.start("chat");
  cluster.answer = () => undefined;
  const client = await cluster.client("alice");
  client.send({ command: Command.UserTalk, dest: "bob", sequence: 9 });
  await until(() => chat?.asked.length === 1, "the request arrives");
  await cluster.gateway.drain(100, 0);
  expect((await client.ending()).code).toBe(CloseCode.Leaving);
});

test("a gateway that leaves lets nobody in, tells strangers to go, and leaves no session behind", async () => {
  const cluster = new Cluster();
  await cluster.start("chat");
  const clients = await cluster.clients(20);
  const silent = await cluster.stranger();
  await until(() => cluster.gateway.connections === 21, "all are there");
  const late = await cluster.stranger();
  await until(() => cluster.gateway.connections === 22, "the late one, too");
  const drained = cluster.gateway.drain(8_000, 300);
  const refused = late.signIn(await signToken(key, { account: "late", app: "app", ttlSeconds: 60 }));
  await expect(refused).rejects.toThrow("no login service can take this");
  await drained;
  for (const client of [...clients, silent]) expect((await client.ending()).code).toBe(CloseCode.Leaving);
  await expect(cluster.stranger()).rejects.toThrow();
  const accounts = clients.map((_, at) => `user${at}`);
  await until(() => cluster.sessions.locate("app", accounts).flat().length === 0, "no session is left");
});

test("a logic node that leaves under load gets nothing more, and loses nothing of what it was asked", async () => {
  const cluster = new Cluster();
  const [leaving, staying] = await cluster.start("chat1", "chat2");
  if (leaving === undefined || staying === undefined) throw new Error("two nodes");
  cluster.answer = (context) => void setTimeout(() => context.respondEmpty(), 10);
  const clients = await cluster.clients(40);
  const run = { isOver: false };
  let sent = 0;
  const statuses: Status[] = [];
  const talking = clients.map(async (client) => {
    while (!run.isOver) {
      sent++;
      statuses.push((await client.requestBytes(Command.UserTalk, "bob", new Uint8Array(0))).status);
    }
  });
  await until(() => leaving.asked.length > 100 && staying.asked.length > 100, "both are at work");
  await leaving.node.drain(5_000);
  const { length } = leaving.asked;
  const later = staying.asked.length;
  await until(() => staying.asked.length > later + 200, "the other one does all the work");
  run.isOver = true;
  await Promise.all(talking);
  expect(leaving.asked).toHaveLength(length);
  expect(leaving.asked.every(({ isAnswered }) => isAnswered)).toBe(true);
  expect(statuses).toHaveLength(sent);
  expect(new Set(statuses)).toEqual(new Set([Status.Success]));
  expect(clients.some(({ isClosed }) => isClosed)).toBe(false);
});

test("standalone: a drain answers what is under way, and sends everybody away with 1012", async () => {
  const messenger = await Messenger.start();
  closing.push(() => messenger.stop());
  const clients = await Promise.all(Array.from({ length: 20 }, (_, at) => messenger.client(`user${at}`)));
  const run = { isOver: false };
  const talking = clients.map(async (client) => {
    for (let sequence = 1_000; !client.isClosed && !run.isOver; sequence++) {
      client.send({ command: Command.UserTalk, dest: "bob", sequence });
      await Bun.sleep(1);
    }
  });
  await until(() => clients.every((client) => answered(client).length > 5), "all are at work");
  await messenger.drain();
  run.isOver = true;
  await Promise.all(talking);
  for (const client of clients) {
    expect((await client.ending()).code).toBe(CloseCode.Leaving);
    expect(answered(client).length).toBeGreaterThan(5);
  }
});
