// A gateway and logic nodes of which one was given other stores, in one process: who says what.

import { expect, test } from "bun:test";
import { newStoreIdentity, type StoreIdentity } from "../../src/auth/store-ownership.ts";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import { LogicNode } from "../../src/node/logic-node.ts";
import { metadataOfStores, type NodeStores } from "../../src/link/node-stores.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { Status } from "../../src/registry/instance.ts";
import type { GatewayRole } from "../../src/roles/gateway/gateway-role.ts";
import type { GatewayStart } from "../../src/session/sessions.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { quietService } from "../support/quiet-service.ts";
import { endings } from "../support/endings.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const ends = endings();

class Lines {
  readonly errors: string[] = [];
  readonly log = {
    ...silentLog,
    error: (sentence: string, fields?: LogFields) => void this.errors.push(`${sentence}: ${fields?.["reason"]}`),
  };
}

const store = (place: string): StoreIdentity => ({ identity: newStoreIdentity(), place });

function newCluster(time?: ManualTimers): MemoryCluster {
  const cluster = new MemoryCluster(time);
  ends.push(() => cluster.stop());
  return cluster;
}

async function gatewayOf(cluster: MemoryCluster): Promise<GatewayRole> {
  const around = cluster.around("gate-1", "gateway");
  const key = new TextEncoder().encode("a key for tokens");
  const gateway = cluster.gateway(around, new Metrics().forService("gate-1", "gateway"), key);
  await cluster.during(gateway.start());
  ends.push(() => cluster.during(gateway.drain(0, 0)));
  return gateway;
}

/** A node that says what `said.stores` holds at that moment. */
async function nodeOf(
  cluster: MemoryCluster,
  id: string,
  said: { stores: NodeStores },
  { log = silentLog, gateways = [] as GatewayStart[] } = {},
): Promise<LogicNode> {
  const [service = ""] = id.split("-");
  const around = { ...cluster.around(id, service), log };
  const logic = quietService({ ...around, log, stores: () => said.stores });
  const node = new LogicNode(around, logic, new Metrics().forService(id, service), [], {
    gateways: () => Promise.resolve(gateways),
  });
  await node.start();
  ends.push(() => cluster.during(node.drain(0)));
  return node;
}

test("a chat node with other sessions is refused until it has the right ones; both name both places", async () => {
  const time = new ManualTimers();
  const cluster = newCluster(time);
  const [right, wrong] = [store("redis://a"), store("redis://b")];
  const lines = new Lines();
  const chatStores = { stores: { sessions: wrong, messages: store("sqlite:/m.db") } };
  const login = await nodeOf(cluster, "login-1", { stores: { sessions: right, messages: undefined } });
  const chat = await nodeOf(cluster, "chat-1", chatStores, { log: lines.log });
  const gateway = await gatewayOf(cluster);
  expect(gateway.missingServices()).toEqual(["chat"]);
  const sentence =
    "gate-1 does not link chat-1: its session store redis://b is not the session store redis://a of login-1; " +
    "give all login and chat nodes the same --sessions";
  expect(gateway.troubles).toEqual({ storesDiffer: sentence });
  await time.until(() => login.isReady, "the login node serves");
  expect(chat.isReady).toBe(false);
  expect(chat.detail).toMatchObject({ gateways: 0, storesDiffer: sentence });
  expect(lines.errors).toEqual([`a gateway does not link this node: ${sentence}`]);
  chatStores.stores = { ...chatStores.stores, sessions: right };
  await time.until(() => gateway.missingServices().length === 0, "it is linked");
  expect(gateway.troubles).toEqual({});
  await time.until(() => chat.isReady, "it serves");
  expect(chat.detail).not.toHaveProperty("storesDiffer");
}, 60_000);

test("a store that becomes known later is announced to gateways and to the registry", async () => {
  const time = new ManualTimers();
  const cluster = newCluster(time);
  const said: { stores: NodeStores } = { stores: { sessions: undefined, messages: undefined } };
  await nodeOf(cluster, "login-1", { stores: { sessions: store("redis://a"), messages: undefined } });
  await nodeOf(cluster, "chat-1", said);
  const gateway = await gatewayOf(cluster);
  expect(gateway.missingServices()).toEqual([]);
  const late = store("redis://b");
  said.stores = { sessions: late, messages: undefined };
  await time.until(() => gateway.missingServices().includes("chat"), "its link has ended");
  expect(gateway.troubles["storesDiffer"]).toContain("chat-1: its session store redis://b");
  const listed = (): string | undefined =>
    cluster.registry.instances("test", "chat", Status.Up)[0]?.metadata.get("sessions");
  await time.until(() => listed() === late.identity, "it is listed with that store");
}, 60_000);

test("a gateway that the sessions know and that has no link is named in a node's health; it stays ready", async () => {
  const time = new ManualTimers();
  const cluster = newCluster(time);
  const gateways = ["gate-1", "gate-9"].map((gateway) => ({ gateway, incarnation: "i" }));
  const node = await nodeOf(cluster, "chat-1", { stores: { sessions: undefined, messages: undefined } }, { gateways });
  await nodeOf(cluster, "login-1", { stores: { sessions: undefined, messages: undefined } });
  await gatewayOf(cluster);
  await time.until(() => node.detail["gateways"] === 1, "it is linked");
  await time.pass(25_000, 1_000);
  expect(node.detail).toMatchObject({ unlinkedGateways: "gate-9" });
  await time.until(() => node.isReady, "it is ready");
}, 60_000);

test("of two gateways that decided for different stores the later one takes over the other's decision", async () => {
  const time = new ManualTimers();
  const cluster = newCluster(time);
  const [one, other] = [store("redis://a"), store("redis://b")];
  const elder = await cluster.around("gate-0", "gateway").naming.register({
    service: "wgateway",
    id: "gate-0",
    addrs: ["ws://127.0.0.1:1"],
    version: "test",
    status: Status.Up,
    metadata: new Map(),
  });
  const [first, second] = [
    await nodeOf(cluster, "login-1", { stores: { sessions: one, messages: undefined } }),
    await nodeOf(cluster, "login-2", { stores: { sessions: other, messages: undefined } }),
  ];
  await nodeOf(cluster, "chat-1", { stores: { sessions: undefined, messages: undefined } });
  const gateway = await gatewayOf(cluster);
  const links = (): unknown[] => [first, second].map(({ detail }) => detail["gateways"]);
  await time.until(() => gateway.isListed && Bun.deepEquals(links(), [1, 0]), "it goes by the first one's");
  const told = (): string | undefined =>
    cluster.registry.instances("test", "tgateway", Status.Up)[0]?.metadata.get("sessions");
  await time.until(() => told() === one.identity, "it says so");
  await elder.update({ metadata: new Map(metadataOfStores({ sessions: other, messages: undefined })) });
  await time.until(() => Bun.deepEquals(links(), [0, 1]), "it goes by the other one's");
  await time.until(() => told() === other.identity, "it says so");
  expect(gateway.troubles["storesDiffer"]).toContain("does not link login-1");
  expect(first.detail).toMatchObject({ storesDiffer: expect.stringContaining("redis://b of login-2") });
}, 60_000);
