// One whole node of the registry over virtual time: its own entry, its start, and the nodes that it knows.

import { describe, expect, test } from "bun:test";
import { leaseMs } from "../../src/base/limits/fixed.ts";
import { discoveryAppid, Status } from "../../src/registry/instance.ts";
import {
  beginNs,
  compared,
  identityOf,
  living,
  localCaller,
  nodeInfo,
  registration,
  replicated,
  unreachable,
} from "./support.ts";
import { address, make, started, register, chats } from "./lone-node.ts";

const self = identityOf({ appid: discoveryAppid, hostname: address });

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

  test("comes back within the turn after it was cancelled", () => {
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

  test("is taken out when the node leaves: the others hear of it in this turn, and it stays out", () => {
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

test("a stopped node does nothing more", () => {
  const { time, network, node } = started(["10.0.0.2:7171"]);
  register(node);
  node.stop();
  time.advance(60 * 60_000);
  expect([node.table.live, node.evictions, network.sent.length]).toEqual([2, 0, 0]);
});
