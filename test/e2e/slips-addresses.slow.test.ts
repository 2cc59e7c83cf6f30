// Clusters whose processes were given wrong addresses of each other, or none: each process says so after a while, and
// only where it is so.

import { afterEach, expect, test } from "bun:test";
import { ClusterStage } from "../support/cluster-stage.ts";
import { until } from "../../scripts/harness/until.ts";
import { endAll, endings, healthOf, isUnwell, putTogether } from "./slip-cluster.ts";

afterEach(endAll);

test("gateways do not reach one of two chat nodes", async () => {
  const slips = { "chat-2": { "--advertise": "127.0.0.1:1" } };
  const stage = await putTogether({ chats: 2 }, { slips });
  const alice = await stage.wire("alice");
  await stage.says("chat-2", /warn +a gateway that has signed people in is not linked .* gateway="gateway-1"/, 40_000);
  expect(alice.isClosed).toBe(false);
  const { text } = await healthOf(stage, "chat-2");
  expect(JSON.parse(text)).toMatchObject({ unlinkedGateways: "gateway-1,gateway-2" });
  expect(await stage.count("chat-2", "roost_unlinked_gateways")).toBe(2);
  for (const name of ["chat-1", "login-1"]) {
    expect(await stage.count(name, "roost_unlinked_gateways")).toBe(0);
    expect((await healthOf(stage, name)).status).toBe(200);
  }
  // A gateway that is killed, and one that leaves, are no alarm.
  await stage.cluster.end("gateway-1", "SIGKILL");
  await stage.cluster.end("gateway-2", "SIGTERM");
  await until(async () => (await stage.count("chat-2", "roost_unlinked_gateways")) === 0, "it is over");
  await Bun.sleep(10_000);
  expect(stage.cluster.process("chat-1")?.log).not.toContain("is not linked to this node");
}, 180_000);

test("two registry nodes are not told of each other", async () => {
  const stage = await ClusterStage.prepare(
    { discovery: 2, gateways: 2, logins: 2, chats: 2 },
    { slips: { "discovery-1": { "--peers": undefined }, "discovery-2": { "--peers": undefined } } },
  );
  endings.push(() => stage.close());
  const { cluster } = stage;
  const [one = "", two = ""] = cluster.registry;
  await Promise.all(cluster.names("discovery").map((name) => cluster.start(name)));
  const members = ["login", "chat", "gateway"] as const;
  const names = members.flatMap((kind) => cluster.names(kind));
  await Promise.all(names.map((name) => cluster.start(name)));
  // Each is listed by one of them: whatever they have chosen, each says so.
  for (const name of names) {
    await isUnwell(stage, name, "registrySplit", one, two, "--peers");
    await stage.says(name, /warn +registry nodes do not replicate .*--peers/);
    expect(await stage.count(name, "roost_registry_gaps")).toBe(1);
  }
}, 180_000);

test("two registry nodes that replicate, and restart one after the other, are no alarm", async () => {
  const stage = await ClusterStage.start({ discovery: 2 });
  endings.push(() => stage.close());
  const { cluster } = stage;
  for (const name of cluster.names("discovery")) {
    await cluster.end(name, "SIGKILL");
    await Bun.sleep(8_000);
    await cluster.start(name);
    await Bun.sleep(8_000);
  }
  await cluster.ready();
  for (const name of ["login-1", "chat-1", "gateway-1"])
    expect(cluster.process(name)?.log).not.toContain("do not replicate");
}, 180_000);
