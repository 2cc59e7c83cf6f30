// A chat service that dies with requests in flight: the gateway answers them itself, and tells clients to look.

import { expect, test } from "bun:test";
import { signToken } from "../../src/auth/token.ts";
import type { Context } from "../../src/service/context.ts";
import type { LogicNode } from "../../src/node/logic-node.ts";
import { Router } from "../../src/service/router.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";
import { endings } from "../support/endings.ts";
import { quietService } from "../support/quiet-service.ts";

const key = new TextEncoder().encode("the key of a test without services");
const closing = endings();

/** A gateway with a login service, and a chat service that swallows everything until it dies. */
async function fixture(time?: ManualTimers) {
  const cluster = new MemoryCluster(time);
  closing.push(() => cluster.stop());
  const metrics = new Metrics();
  const swallowed: Context[] = [];
  const router = new Router([]);
  router.handle(Command.UserTalk, (context) => void swallowed.push(context));
  const ofLogin = metrics.forService("login", "login");
  const login = cluster.login(new MemorySessions(), ofLogin);
  await cluster.startNode(cluster.around("login", "login"), login, ofLogin);
  const startChat = (): Promise<LogicNode> =>
    cluster.startNode(cluster.around("chat", "chat"), quietService({ router }), metrics.forService("chat", "chat"));
  await startChat();
  const gateway = cluster.gateway(cluster.around("gate", "gateway"), metrics.forService("gate", "gateway"), key);
  const { tcp = "" } = await cluster.during(gateway.start());
  closing.push(() => cluster.during(gateway.drain(0, 0)));
  const client = await WireClient.connect(tcp);
  await client.signIn(await signToken(key, { account: "alice", app: "app", ttlSeconds: 60 }));
  return { cluster, gateway, client, swallowed, startChat, killChat: () => cluster.kill("chat") };
}

test("each request in flight is answered with ServiceUnavailable when its link dies; chat.sync follows", async () => {
  const { gateway, client, swallowed, killChat } = await fixture();
  const talks = Array.from({ length: 100 }, (_, number) =>
    client.request(Command.UserTalk, "bob", MessageReqSchema, { body: String(number) }),
  );
  while (swallowed.length < talks.length) await Bun.sleep(1);
  await killChat();
  const answers = await Promise.all(talks);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([Status.ServiceUnavailable]));
  expect(answers.map(({ header }) => header.command)).toEqual(answers.map(() => Command.UserTalk));
  while (client.pushes.length === 0) await Bun.sleep(1);
  expect(client.pushes.map(({ header }) => header.command)).toEqual([Command.Sync]);
  expect(gateway.missingServices()).toEqual(["chat"]);
});

test("without a node a request is refused at once, and the connection lives", async () => {
  const { client, killChat, gateway } = await fixture();
  await killChat();
  while (gateway.missingServices().length === 0) await Bun.sleep(1);
  const talk = () => client.request(Command.UserTalk, "bob", MessageReqSchema, { body: "x" });
  expect((await talk()).status).toBe(Status.ServiceUnavailable);
  expect((await talk()).status).toBe(Status.ServiceUnavailable);
  expect(client.isClosed).toBe(false);
});

test("clients look into the index again when a node is back: what it pushed meanwhile is lost", async () => {
  const { client, killChat, startChat, gateway } = await fixture();
  await killChat();
  await until(() => client.pushes.length === 1, "the loss is told");
  await startChat();
  await until(() => gateway.missingServices().length === 0, "it is linked again");
  await until(() => client.pushes.length === 2, "the return is told");
  expect(client.pushes.map(({ header }) => header.command)).toEqual([Command.Sync, Command.Sync]);
});

test("clients look into the index when a node that serves others already is linked: it has pushed before", async () => {
  const time = new ManualTimers();
  const { cluster, client, gateway } = await fixture(time);
  // Nobody chose this one yet, so that it has pushed nothing.
  await cluster.node("fresh", "chat", quietService({ router: new Router([]) }), { isReady: false });
  await time.until(() => gateway.linkedNodes === 3, "it is linked");
  await time.pass(20_000, 100);
  expect(client.pushes).toEqual([]);
  await cluster.node("busy", "chat", quietService({ router: new Router([]) }));
  await time.until(() => client.pushes.length > 0, "the client is told");
  expect(client.pushes.map(({ header }) => header.command)).toEqual([Command.Sync]);
});
