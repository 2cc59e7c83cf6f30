// A cluster and its registry: all of it starts in any order; the registry may restart or stay away, and what runs goes
// on.

import { afterEach, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";

const stages: ClusterStage[] = [];

afterEach(async () => {
  await Promise.all(stages.splice(0).map((stage) => stage.close()));
});

async function keep(starting: Promise<ClusterStage>): Promise<ClusterStage> {
  const stage = await starting;
  stages.push(stage);
  return stage;
}

/** The ids of a service's instances, as a registry node lists them. */
async function listed(registry: string | undefined, service: string): Promise<string[]> {
  const answer = await fetch(`${registry}/discovery/fetch?env=dev&appid=${service}&status=1`);
  return [...(await answer.text()).matchAll(/"hostname":"([^"]*)"/g)].map(([, id = ""]) => id).toSorted();
}

test("a cluster that starts at once, in any order, is ready within 15 seconds", async () => {
  const random = new Random(testSeed("order of starting"));
  for (const discovery of [1, 1, 2]) {
    const stage = await ClusterStage.prepare({ discovery, gateways: 2, logins: 2, chats: 2 });
    stages.push(stage);
    const { cluster } = stage;
    const waiting = cluster.names();
    const order: string[] = [];
    while (waiting.length > 0) order.push(...waiting.splice(random.below(waiting.length), 1));
    const starting: Promise<void>[] = [];
    for (const name of order) {
      starting.push(cluster.start(name));
      await Bun.sleep(random.below(150));
    }
    console.log(order.join(" "));
    // Gateways say so once they let people in.
    const started = { isAll: false };
    const all = Promise.all(starting).then(() => (started.isAll = true));
    await until(() => started.isAll, "all have started");
    await all;
    await cluster.ready(15_000);
    const alice = await stage.wire("alice", 0);
    const bob = await stage.wire("bob", 1);
    await talk(alice, "bob", "hello");
    await bob.pushed(Command.UserTalk, MessagePushSchema);
    stages.pop();
    await stage.close();
  }
}, 120_000);

test("all registry nodes restart at once: roles go on, and the registry fills again by itself", async () => {
  const stage = await keep(ClusterStage.start({ discovery: 2, gateways: 2 }));
  const { cluster } = stage;
  const alice = await stage.wire("alice", 0);
  const bob = await stage.wire("bob", 1);
  let said = 0;
  const talks = { areOver: false };
  const talking = (async () => {
    for (; !talks.areOver; said++) {
      await talk(alice, "bob", `${said}`);
      await Bun.sleep(10);
    }
  })();
  const nodes = cluster.names("discovery");
  await Promise.all(nodes.map((name) => cluster.end(name, "SIGKILL")));
  await Promise.all(nodes.map((name) => cluster.start(name)));
  for (const registry of cluster.registry) {
    for (const [service, ids] of [
      ["chat", ["chat-1"]],
      ["login", ["login-1"]],
      ["tgateway", ["gateway-1", "gateway-2"]],
      ["wgateway", ["gateway-1", "gateway-2"]],
    ] as const) {
      await until(
        async () => Bun.deepEquals(await listed(registry, service), [...ids]),
        `${registry} lists all of ${service}`,
        60_000,
      );
    }
  }
  talks.areOver = true;
  await talking;
  // Nobody was refused, sent away, or told to look for what is lost.
  expect(bob.pushes).toHaveLength(said);
  expect((await bob.pushed(Command.UserTalk, MessagePushSchema, said)).map(({ body }) => Number(body))).toEqual(
    Array.from({ length: said }, (_, number) => number),
  );
  await cluster.ready();
}, 120_000);

test("without a registry for good talks go on, people come in and leave, and roles end in good order", async () => {
  const stage = await keep(ClusterStage.start({ gateways: 2 }));
  const { cluster } = stage;
  const alice = await stage.wire("alice", 0);
  await cluster.end("discovery-1", "SIGKILL");
  for (let round = 0; round < 5; round++) {
    const bob = await stage.wire("bob", round % 2);
    await talk(alice, "bob", `${round}`);
    const [heard] = await bob.pushed(Command.UserTalk, MessagePushSchema);
    expect(heard?.body).toBe(`${round}`);
    bob.terminate();
  }
  for (const name of ["gateway-1", "gateway-2", "chat-1", "login-1"]) {
    expect([name, await cluster.end(name, "SIGTERM")]).toEqual([name, 0]);
  }
}, 120_000);
