// One whole node of the registry over virtual time: leases that run out, its own entry, start-up, and what readers see.

import { testLimits } from "../support/limits.ts";
import { describe, expect, test } from "bun:test";
import { leaseMs } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { discoveryAppid, Status } from "../../src/registry/instance.ts";
import { Code } from "../../src/registry/codes.ts";
import type { Register } from "../../src/registry/node/registrar.ts";
import { PublicGateways } from "../../src/registry/lookup/public-gateways.ts";
import { parseAnswer, parseService } from "../../src/registry/client/parse-instances.ts";
import { zonePieces } from "../../src/registry/http/answers.ts";
import { RegistryNode } from "../../src/registry/node/registry-node.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import {
  beginNs,
  compared,
  identityOf,
  living,
  localCaller,
  ManualNetwork,
  nodeInfo,
  registration,
  replicated,
  unreachable,
} from "./support.ts";

const address = "10.0.0.1:7171";
const self = identityOf({ appid: discoveryAppid, hostname: address });

interface World {
  readonly time: VirtualTime;
  readonly network: ManualNetwork;
  readonly node: RegistryNode;
}

/** A node that is not yet started. */
function make(seeds: readonly string[] = []): World {
  const time = new VirtualTime();
  const network = new ManualNetwork(time);
  const node = new RegistryNode({
    settings: { env: "prod", zone: "z1", region: "r1", address, seeds, version: "1", hasKey: true },
    limits: testLimits(),
    clock: time.clock(0),
    timers: time.timersOf(() => true),
    random: seededRandom(1),
    network,
    log: silentLog,
  });
  return { time, network, node };
}

function started(seeds: readonly string[] = []): World {
  const world = make(seeds);
  world.node.start();
  return world;
}

function register(node: RegistryNode, change: Partial<Register> = {}): void {
  expect(node.registrar.register(registration(change), localCaller).code).toBe(Code.Ok);
}

/** Renews an instance every 30 s, as long as time passes. */
function keepRenewing({ time, node }: World, hostname: string): void {
  const renew = (): void => {
    node.registrar.renew(identityOf({ hostname }), 0n, "client");
    time.after(30_000, renew);
  };
  time.after(30_000, renew);
}

/** Lets the instances renew after half a minute. */
function renewOnce({ time, node }: Pick<World, "time" | "node">, hostnames: readonly string[]): void {
  time.advance(30_000);
  for (const hostname of hostnames) node.registrar.renew(identityOf({ hostname }), 0n, "client");
}

const chats = (node: RegistryNode): string[] =>
  node
    .instances("prod", "chat", Status.Any)
    .map(({ hostname }) => hostname)
    .toSorted();

/** Names of the chats that are marked in what readers get. */
function stale(node: RegistryNode): string[] {
  const app = node.table.app("prod", "chat");
  if (app === undefined) return [];
  const text = [...zonePieces(app, undefined, "", Status.Any)].join("");
  // Our own client reads it as ever.
  const up = parseService(parseAnswer(`{"code":0,"data":${text}}`).data).instances;
  expect(up).toHaveLength(node.instances("prod", "chat", Status.Up).length);
  return [...text.matchAll(/"hostname":"(\w+)"[^{}]*\{\}[^{}]*"renew_timestamp":\d+,"stale":true\}/g)].map(
    ([, hostname = ""]) => hostname,
  );
}

describe("leases", () => {
  test("of three instances the one that dies is gone after 90 s, and who watches is told", () => {
    const world = started();
    const { time, node } = world;
    for (const hostname of ["a", "b", "c"]) register(node, { hostname });
    for (const hostname of ["a", "b"]) keepRenewing(world, hostname);
    time.advance(1);
    let woken = 0;
    node.watch("prod", "chat", () => void woken++);
    time.advance(leaseMs - 1);
    expect(chats(node)).toEqual(["a", "b", "c"]);
    time.advance(1_001);
    expect(chats(node)).toEqual(["a", "b"]);
    expect([node.evictions, woken]).toEqual([1, 1]);
    time.advance(60 * 60_000);
    expect(chats(node)).toEqual(["a", "b"]);
  });

  test("when all of three fall silent at once they are kept for three minutes", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b", "c"]) register(node, { hostname });
    renewOnce({ time, node }, ["a", "b", "c"]);
    time.advance(leaseMs + 1_000);
    expect(node.isProtected).toBe(true);
    time.advance(89_000);
    expect(chats(node)).toEqual(["a", "b", "c"]);
    time.advance(1_001);
    expect(chats(node)).toEqual([]);
  });

  test("those that are kept are marked, who watches is told, and a renewal takes the mark away", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b"]) register(node, { hostname });
    register(node, { hostname: "c", appid: "login" });
    renewOnce({ time, node }, ["a", "b"]);
    node.registrar.renew(identityOf({ appid: "login", hostname: "c" }), 0n, "client");
    time.advance(1);
    let told = 0;
    node.watch("prod", "chat", () => void told++);
    time.advance(leaseMs - 1);
    expect([stale(node), told]).toEqual([[], 0]);
    time.advance(2_000);
    expect(node.isProtected).toBe(true);
    // Once for all of a service.
    expect([stale(node), told]).toEqual([["a", "b"], 1]);
    const { latest = 0n } = node.table.app("prod", "chat") ?? {};
    expect(node.registrar.renew(identityOf({ hostname: "b" }), 0n, "client").code).toBe(Code.Ok);
    expect(stale(node)).toEqual(["a"]);
    time.advance(1_000);
    expect(told).toBe(2);
    expect(node.table.app("prod", "chat")?.latest ?? 0n).toBeGreaterThan(latest);
    // A set is no sign of life, and to register is one.
    const changes = [{ hostname: "a", status: Status.Waiting, metadata: undefined }];
    node.registrar.set({ env: "prod", appid: "chat", zone: "z1", changes, setTimestamp: 0n }, "client");
    expect(stale(node)).toEqual(["a"]);
    register(node, { hostname: "a" });
    expect(stale(node)).toEqual([]);
    time.advance(60_000);
    expect(chats(node)).toEqual(["a", "b"]);
  });

  test("those that are kept are named by DNS and lookups as before, marked or not", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b", "c"])
      register(node, { hostname, appid: "wgateway", metadata: new Map([["domain", `wss://${hostname}.example`]]) });
    time.advance(30_000);
    for (const hostname of ["a", "b", "c"])
      node.registrar.renew(identityOf({ appid: "wgateway", hostname }), 0n, "client");
    const gateways = new PublicGateways({ directory: node, revisions: node, env: "prod", clock: time.clock(0) });
    const all = gateways.urls(undefined);
    expect(all.length).toBe(3);
    time.advance(leaseMs + 1_000);
    const lapsed = [...(node.table.app("prod", "wgateway")?.entries() ?? [])].filter(({ isLapsed }) => isLapsed);
    expect([node.isProtected, lapsed.length]).toEqual([true, 3]);
    expect(gateways.urls(undefined)).toEqual(all);
    expect(node.instances("prod", "wgateway", Status.Any).length).toBe(3);
  });

  test("what another node heard of takes the mark away, what is as old as its lease does not", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b"]) node.table.merge(living(beginNs, { hostname }));
    time.advance(leaseMs + 2_000);
    expect(stale(node)).toEqual(["a", "b"]);
    node.table.merge(living(beginNs, { hostname: "a" }, leaseMs + 1));
    expect(stale(node)).toEqual(["a", "b"]);
    node.table.merge(living(beginNs, { hostname: "a" }, leaseMs - 1));
    expect(stale(node)).toEqual(["b"]);
    node.registrar.cancel(identityOf({ hostname: "b" }), 0n, "client");
    register(node, { hostname: "b" });
    expect(stale(node)).toEqual([]);
  });

  test("of thirty thousand a fifth that falls silent is kept; when it is heard again protection ends", () => {
    const { time, node } = started();
    const count = 30_000;
    for (let index = 0; index < count; index++) node.table.merge(living(beginNs, { hostname: `i${index}` }));
    const renew = (from: number): void => {
      for (let index = from; index < count; index++)
        node.registrar.renew(identityOf({ hostname: `i${index}` }), 0n, "client");
    };
    time.advance(60_000);
    renew(count / 5);
    time.advance(60_000);
    renew(count / 5);
    expect([node.isProtected, node.evictions]).toEqual([true, 0]);
    // All but a hundred are back.
    renew(100);
    time.advance(33_000);
    expect(node.isProtected).toBe(false);
    expect(node.evictions).toBe(100);
    expect(node.table.live).toBe(count - 100 + 1);
  });

  test("what never renewed is forgotten after its lease, and protects nobody", () => {
    const world = started();
    const { time, node } = world;
    for (const hostname of ["a", "b", "c"]) register(node, { hostname });
    for (const hostname of ["a", "b", "c"]) keepRenewing(world, hostname);
    for (let index = 0; index < 500; index++) register(node, { appid: "junk", hostname: `j${index}` });
    time.advance(leaseMs + 1_000);
    expect(node.isProtected).toBe(false);
    expect([node.table.live, node.evictions]).toEqual([4, 500]);
  });

  test("what is renewed at once, as no client does, has not renewed either", () => {
    const world = started();
    const { time, node } = world;
    register(node, { hostname: "a" });
    keepRenewing(world, "a");
    for (let index = 0; index < 50; index++) {
      register(node, { appid: "junk", hostname: `j${index}` });
      node.registrar.renew(identityOf({ appid: "junk", hostname: `j${index}` }), 0n, "client");
    }
    time.advance(leaseMs + 1_000);
    expect([node.isProtected, node.table.live]).toEqual([false, 2]);
  });

  test("what never renewed is forgotten after its lease even while others are protected", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b"]) register(node, { hostname });
    renewOnce({ time, node }, ["a", "b"]);
    register(node, { appid: "junk", hostname: "j" });
    time.advance(leaseMs + 1_000);
    expect(node.isProtected).toBe(true);
    expect(chats(node)).toEqual(["a", "b"]);
    expect(node.knows("prod", "junk")).toBe(false);
  });

  test("of others' instances it is known whether they have renewed, from states and from renewals", () => {
    const { time, node } = started();
    const message = { kind: "replicate", node: nodeInfo(), isSpread: false } as const;
    const states = ["told", "renewing", "junk"].map((hostname) => ({
      ...living(beginNs, { hostname }),
      hasRenewed: hostname === "told",
    }));
    node.replication.onReplicate({ ...message, states, renewals: [] });
    time.advance(30_000);
    const renewal = { identity: identityOf({ hostname: "renewing" }), dirty: beginNs, ageMs: 0 };
    node.replication.onReplicate({ ...message, states: [], renewals: [renewal] });
    const chat = node.table.app("prod", "chat")?.entries() ?? [];
    const renewed = [...chat].filter(({ hasRenewed }) => hasRenewed);
    expect(renewed.map(({ identity: { hostname } }) => hostname).toSorted()).toEqual(["renewing", "told"]);
  });

  test("that run out all at once end over several looks", () => {
    const { time, node } = started();
    for (let index = 0; index < 5_000; index++) register(node, { appid: "junk", hostname: `j${index}` });
    time.advance(leaseMs + 1_000);
    expect(node.evictions).toBe(2_000);
    time.advance(1_000);
    expect(node.evictions).toBe(4_000);
    time.advance(1_000);
    expect([node.evictions, node.table.live]).toEqual([5_000, 1]);
  });

  test("a registry node that falls silent is forgotten, protected or not", () => {
    const { time, node } = started();
    for (const hostname of ["a", "b"]) register(node, { hostname });
    register(node, { appid: discoveryAppid, hostname: "10.0.0.2:7171", addrs: ["http://10.0.0.2:7171"] });
    renewOnce({ time, node }, ["a", "b"]);
    time.advance(leaseMs + 2_000);
    expect(node.isProtected).toBe(true);
    expect(chats(node)).toEqual(["a", "b"]);
    expect(node.instances("prod", discoveryAppid, Status.Any).map(({ hostname }) => hostname)).toEqual([address]);
  });
});

describe("its own entry", () => {
  test("is listed from the start in every env, with an address that clients can use", () => {
    const { node } = started();
    for (const env of ["prod", "test", ""]) {
      const [instance, ...others] = node.instances(env, discoveryAppid, Status.Up);
      expect(others).toEqual([]);
      expect(instance).toMatchObject({ hostname: address, zone: "z1", addrs: [`http://${address}`] });
    }
  });

  test("is renewed by itself", () => {
    const { time, node } = started();
    time.advance(60 * 60_000);
    expect(node.instances("prod", discoveryAppid, Status.Up)).toHaveLength(1);
    expect(node.evictions).toBe(0);
  });

  test("comes back within the turn after somebody cancelled it", () => {
    const { time, node } = started();
    time.advance(1_000);
    const before = node.table.get(self)?.dirty ?? 0n;
    node.registrar.cancel(self, 0n, "client");
    expect(node.instances("prod", discoveryAppid, Status.Up)).toEqual([]);
    time.advance(0);
    expect(node.instances("prod", discoveryAppid, Status.Up)).toHaveLength(1);
    expect(node.table.get(self)?.dirty).toBeGreaterThan(before);
  });

  test("comes back over a cancellation from a clock that is ahead", () => {
    const { time, node } = started();
    const dirty = beginNs + 10n * 60_000_000_000n;
    const state = { identity: self, dirty, instance: undefined, ageMs: 0, isProbed: false, hasRenewed: true };
    const other = nodeInfo({ clock: dirty });
    node.replication.onReplicate({ kind: "replicate", node: other, isSpread: false, states: [state], renewals: [] });
    time.advance(0);
    expect(node.instances("prod", discoveryAppid, Status.Up)).toHaveLength(1);
    expect(node.table.get(self)?.dirty).toBeGreaterThan(dirty);
  });

  test("is taken out when the node leaves: the others are told in this turn, and it stays out", () => {
    const { time, network, node } = started(["10.0.0.2:7171"]);
    network.compares = () => compared();
    time.advance(1_000);
    for (const { done } of network.sent.splice(0)) done(replicated());
    node.leave();
    node.leave();
    time.advance(0);
    const { address: to, message } = network.take();
    expect(to).toBe("10.0.0.2:7171");
    expect(message.states).toMatchObject([{ identity: self, instance: undefined }]);
    time.advance(120_000);
    expect(node.instances("prod", discoveryAppid, Status.Any)).toEqual([]);
  });
});

test("its own entry has a place in a registry that is full of names of nodes", () => {
  const { time, node } = started();
  for (let index = 0; index < 300; index++) {
    const hostname = `10.2.0.${index}:7171`;
    node.registrar.register(registration({ appid: discoveryAppid, hostname }), localCaller);
  }
  expect(node.table.nodes).toBe(257);
  node.registrar.cancel(self, 0n, "client");
  node.registrar.register(registration({ appid: discoveryAppid, hostname: "one more" }), localCaller);
  time.advance(0);
  expect(node.table.get(self)?.instance).toBeDefined();
});

describe("start-up", () => {
  test("alone it can be read at once", () => {
    const { node } = make();
    expect(node.isReadable).toBe(false);
    node.start();
    expect(node.isReadable).toBe(true);
  });

  test("is protected while it waits for others: writes are taken, reads are not answered", () => {
    const { time, node } = started(["10.0.0.2:7171"]);
    register(node);
    time.advance(2_900);
    expect(node.isReadable).toBe(false);
    time.advance(100);
    expect(node.isReadable).toBe(true);
    expect(chats(node)).toEqual(["chat-1"]);
  });

  test("takes in what another node knows, also leases that would otherwise be too old, and can be read then", () => {
    const { time, network, node } = started(["10.0.0.2:7171"]);
    network.compares = () => compared({ states: [living(beginNs, {}, 30 * 60_000)] });
    time.advance(10);
    expect(node.isReadable).toBe(true);
    expect(chats(node)).toEqual(["chat-1"]);
    expect(node.knowsAbsence).toBe(true);
  });

  test("with a snapshot it can be read at once; what nobody confirms is dropped at the first synchronisation", () => {
    const { time, network, node } = make(["10.0.0.2:7171"]);
    node.table.restore(living(beginNs, { hostname: "a" }));
    node.table.restore(living(beginNs, { hostname: "b" }));
    node.start(true);
    expect([node.isReadable, node.isServingStale]).toEqual([true, true]);
    expect(chats(node)).toEqual(["a", "b"]);
    network.compares = () => compared({ states: [living(beginNs, { hostname: "b" })] });
    time.advance(1_000);
    expect([node.isReadable, node.isServingStale]).toEqual([true, false]);
    expect(chats(node)).toEqual(["b"]);
  });

  test("a snapshot that nobody can confirm is called stale for one lease", () => {
    const { time, node } = make(["10.0.0.2:7171"]);
    node.table.restore(living(beginNs));
    node.start(true);
    time.advance(leaseMs);
    expect(node.isServingStale).toBe(true);
    time.advance(2_000);
    expect(node.isServingStale).toBe(false);
    expect(chats(node)).toEqual([]);
  });

  test("a node that nobody told anything says what does not exist only after 45 s", () => {
    const { time, node } = started();
    expect(node.knowsAbsence).toBe(false);
    time.advance(45_000);
    expect(node.knowsAbsence).toBe(false);
    time.advance(1);
    expect(node.knowsAbsence).toBe(true);
  });
});

describe("nodes", () => {
  test("lists itself first, then those of its zone, whether they answer or not", () => {
    const { time, network, node } = started(["10.0.0.2:7171"]);
    expect(node.nodes()).toEqual([
      { address, isUp: true, zone: "z1" },
      { address: "10.0.0.2:7171", isUp: false, zone: "z1" },
    ]);
    network.compares = () => compared();
    time.advance(1_000);
    expect(node.nodes()[1]).toEqual({ address: "10.0.0.2:7171", isUp: true, zone: "z1" });
    network.compares = () => unreachable;
    time.advance(10_000);
    expect(node.nodes()[1]?.isUp).toBe(false);
  });

  test("finds others by their registration, and leaves those of other zones out", () => {
    const { node } = started();
    for (const [hostname, zone] of [
      ["10.0.0.2:7171", "z1"],
      ["10.1.0.1:7171", "z2"],
    ] as const)
      register(node, { appid: discoveryAppid, hostname, zone, addrs: [`http://${hostname}`] });
    expect(node.nodes().map((each) => each.address)).toEqual([address, "10.0.0.2:7171"]);
    node.registrar.cancel(identityOf({ appid: discoveryAppid, hostname: "10.0.0.2:7171" }), 0n, "client");
    expect(node.nodes().map((each) => each.address)).toEqual([address]);
  });

  test("tells nothing to an address that is merely registered as a node's, until a node answers there", () => {
    const { time, network, node } = started();
    const asked: number[] = [];
    let isThere = false;
    network.compares = () => {
      asked.push(time.nowMs);
      return isThere ? compared({ differing: Array.from({ length: 1024 }, (_, bucket) => bucket) }) : unreachable;
    };
    const hostname = "10.0.0.2:7171";
    const list = (): void => register(node, { appid: discoveryAppid, hostname, addrs: [`http://${hostname}`] });
    for (let minutes = 0; minutes < 20; minutes++) {
      list();
      register(node, { version: String(minutes) });
      time.advance(60_000);
    }
    expect(network.sent).toEqual([]);
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(13);
    isThere = true;
    for (let passed = 0; passed < 12; passed++) {
      list();
      register(node);
      time.advance(30_000);
    }
    const told = network.sent.flatMap(({ message }) => message.states.map(({ identity }) => identity.appid));
    expect(told).toContain("chat");
  });

  test("does not list itself a second time under another name", () => {
    const { time, network, node } = started(["localhost:7171"]);
    const { incarnation } = node.replication.info();
    network.compares = () => compared({ node: nodeInfo({ incarnation, isStarting: true }) });
    time.advance(100);
    expect(node.nodes()).toEqual([{ address, isUp: true, zone: "z1" }]);
    expect(node.isReadable).toBe(true);
  });
});

describe("reading", () => {
  test("a mask chooses by status, an env sees nothing of another", () => {
    const { node } = started();
    register(node, { hostname: "up" });
    register(node, { hostname: "waiting", status: Status.Waiting });
    register(node, { hostname: "up", env: "test" });
    const named = (mask: number): string[] => node.instances("prod", "chat", mask).map(({ hostname }) => hostname);
    expect([named(Status.Up), named(Status.Waiting), named(Status.Any)]).toEqual([
      ["up"],
      ["waiting"],
      ["up", "waiting"],
    ]);
    expect(node.instances("test", "chat", Status.Any)).toHaveLength(1);
  });

  test("an instance is found by its hostname in any letter case, in its env only", () => {
    const { node } = started();
    register(node, { hostname: "Chat-1" });
    expect(node.instancesNamed("prod", "chat-1", 9)).toHaveLength(1);
    expect(node.instancesNamed("test", "chat-1", 9)).toEqual([]);
    expect(node.instancesNamed("test", address, 9)).toHaveLength(1);
  });

  test("a service is known while it has an instance, and its version grows with each change", () => {
    const { node } = started();
    expect(node.knows("prod", "chat")).toBe(false);
    register(node, { status: Status.Waiting });
    expect(node.knows("prod", "chat")).toBe(true);
    const { version } = node;
    node.registrar.cancel(identityOf(), 0n, "client");
    expect(node.knows("prod", "chat")).toBe(false);
    expect(node.version).toBeGreaterThan(version);
  });

  test("a service's revision changes with the service alone, and is never one that it had before", () => {
    const { node } = started();
    const revisions = new Set([node.revisionOf("prod", "chat")]);
    const expectNew = (): void => {
      const revision = node.revisionOf("prod", "chat");
      expect(revisions.has(revision)).toBe(false);
      revisions.add(revision);
    };
    for (let round = 0; round < 3; round++) {
      register(node);
      expectNew();
      register(node, { appid: "other", version: String(round) });
      register(node, { env: "test" });
      expect(revisions.has(node.revisionOf("prod", "chat"))).toBe(true);
      node.registrar.cancel(identityOf(), 0n, "client");
      expectNew();
    }
    expect(node.revisionOf("nowhere", "chat")).toBe(0);
  });

  test("who stops watching is called no more", () => {
    const { time, node } = started();
    let calls = 0;
    const stop = node.watch("prod", "chat", () => void calls++);
    register(node);
    time.advance(0);
    stop();
    register(node, { version: "2" });
    time.advance(0);
    expect(calls).toBe(1);
  });
});

test("a stopped node does nothing more", () => {
  const { time, network, node } = started(["10.0.0.2:7171"]);
  register(node);
  node.stop();
  time.advance(60 * 60_000);
  expect([node.table.live, node.evictions, network.sent.length]).toEqual([2, 0, 0]);
});
