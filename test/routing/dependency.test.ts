// A gateway links every node of a service as the registry lists it, and cuts no link off because of what the
// registry says. Over TCP.

import { afterEach, expect, test } from "bun:test";
import { linkAddress } from "../../src/routing/dependency.ts";
import { until } from "../../scripts/harness/until.ts";
import { closeAll, LinkEnd, newIdentity } from "../link/support.ts";
import { instanceOf } from "../link/hand-naming.ts";
import { TestGateway } from "../link/test-gateway.ts";
import { TestNode } from "../link/test-node.ts";
import { request, HastyTimers } from "./hasty-timers.ts";

afterEach(closeAll);

test("nodes are linked as they are listed, and each of them once", async () => {
  const [one, two, three] = ["n1", "n2", "n3"].map((id) => TestNode.start(id));
  if (one === undefined || two === undefined || three === undefined) throw new Error("three nodes");
  const gate = new TestGateway();
  expect(gate.dependency.isComplete).toBe(false);
  gate.list(one);
  await until(() => gate.linked.length === 1, "the first is linked");
  expect(gate.dependency.isComplete).toBe(true);
  gate.list(one, two, three);
  expect(gate.dependency.isComplete).toBe(false);
  gate.list(three, two, one);
  await until(() => gate.linked.length === 3, "all are linked");
  expect(gate.linked).toEqual(["n1", "n2", "n3"]);
  expect(gate.dependency.isComplete).toBe(true);
  await until(() => [one, two, three].every(({ told }) => told.length > 0), "all are told");
  for (const node of [one, two, three]) expect(node.told).toEqual(["linked gate"]);
});

test("what the registry says of a node is known of its link", async () => {
  const node = TestNode.start("n1", { isReady: false });
  const gate = new TestGateway();
  gate.naming.list("chat", instanceOf(node.identity, node.address, { zone: "zone_b", weight: "7" }));
  await gate.linkedTo(node);
  expect(gate.links[0]).toMatchObject({ id: "n1", service: "chat", zone: "zone_b", weight: 7, isReady: false });
  expect(gate.choice).toBeUndefined();
  node.service.setReady(true);
  await until(() => gate.choice === "n1", "it can be chosen");
});

test("a weight that changes in the registry counts at once for a link that stands", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  const list = (weight?: string): void =>
    gate.naming.list("chat", instanceOf(node.identity, node.address, weight === undefined ? {} : { weight }));
  list();
  await gate.linkedTo(node);
  const [link] = gate.links;
  expect(link?.weight).toBe(1);
  for (const [text, weight] of [
    ["7", 7],
    ["0", 0],
    ["-3", 1],
    ["1000000", 1_000_000],
    ["1000001", 1],
    [undefined, 1],
  ] as const) {
    list(text);
    expect(gate.links.map((one) => [one === link, one.weight])).toEqual([[true, weight]]);
  }
});

test("an instance without a place to dial links nobody, and does not disturb the others", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway(newIdentity("gate"), { timers: new HastyTimers() });
  const nowhere = { ...instanceOf(newIdentity("nowhere", "chat"), ""), metadata: new Map<string, string>(), addrs: [] };
  const odd = ["no port", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "a b:1", "[::1"];
  const instances = odd.map((link, at) => instanceOf(newIdentity(`odd-${at}`, "chat"), link));
  gate.naming.list("chat", nowhere, ...instances, instanceOf(node.identity, node.address));
  await until(() => gate.linked.length === 1, "the good one is linked");
  await Bun.sleep(50);
  expect(gate.linked).toEqual(["n1"]);
});

test("a node is dialled where its metadata says, else at its first address for TCP", () => {
  const instance = instanceOf(newIdentity("n1", "chat"), "10.0.0.1:7");
  const other = { ...instance, metadata: new Map<string, string>(), addrs: ["http://10.0.0.2:1", "tcp://10.0.0.3:2"] };
  expect([instance, other, { ...other, addrs: ["http://x:1"] }].map(linkAddress)).toEqual([
    "10.0.0.1:7",
    "10.0.0.3:2",
    undefined,
  ]);
});

test("an empty registry cuts nothing, and a node that ends then is not dialled any more", async () => {
  const timers = new HastyTimers();
  const node = TestNode.start("n1");
  const gate = new TestGateway(newIdentity("gate"), { timers });
  gate.list(node);
  await gate.linkedTo(node);
  gate.list();
  expect(gate.choice).toBe("n1");
  gate.links[0]?.connection.send(request);
  await until(() => node.asked.length === 1, "the request arrives");
  expect(node.told).toEqual(["linked gate"]);
  const dials = timers.pauses.length;
  await node.kill();
  await until(() => gate.linked.length === 0, "the link is gone");
  await Bun.sleep(20);
  expect(timers.pauses.length).toBe(dials);
  expect(timers.pending).toBe(0);
});

test("a node that is listed again while its link stands is linked once", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  gate.list(node);
  await gate.linkedTo(node);
  for (let round = 0; round < 5; round++) {
    gate.list();
    gate.list(node);
  }
  const link = gate.links[0];
  link?.connection.send(request);
  await until(() => node.asked.length === 1, "the request arrives");
  expect(gate.links[0] === link).toBe(true);
  expect(node.told).toEqual(["linked gate"]);
});

test("a node that is unlisted and listed again while it is dialled is linked once, and stays so", async () => {
  const node = TestNode.start("n1");
  const end = new LinkEnd(newIdentity("gate"));
  const failing = Promise.withResolvers<never>();
  let dials = 0;
  const gate = new TestGateway(end.identity, {
    dial: (address, handlerOf) => (dials++ === 0 ? failing.promise : end.dial(address, handlerOf)),
  });
  gate.list(node);
  await until(() => dials === 1, "it is dialled");
  gate.list();
  gate.list(node);
  failing.reject(new Error("nobody answers"));
  await gate.linkedTo(node);
  gate.naming.list("chat", instanceOf(node.identity, node.address, { state: "leaving" }));
  await Bun.sleep(100);
  expect(node.told).toEqual(["linked gate"]);
  gate.stop();
  await until(() => node.service.gateways.size === 0, "the link is ended");
});

test("a link that comes to stand after its node was unlisted, or after the end, is not forgotten", async () => {
  for (const act of ["unlist", "stop"] as const) {
    const node = TestNode.start("n1");
    const end = new LinkEnd(newIdentity("gate"));
    const open = Promise.withResolvers<void>();
    let dials = 0;
    const gate = new TestGateway(end.identity, {
      dial: async (address, handlerOf) => {
        dials++;
        await open.promise;
        return end.dial(address, handlerOf);
      },
    });
    gate.list(node);
    await until(() => dials === 1, "it is dialled");
    if (act === "unlist") gate.list();
    else gate.stop();
    open.resolve();
    await until(() => node.told.length > 0, "the node has seen it");
    if (act === "unlist") {
      await gate.linkedTo(node);
      gate.stop();
    }
    await until(() => node.service.gateways.size === 0, "the link is ended");
    expect(gate.linked).toEqual([]);
  }
});

test("an instance that nobody can dial keeps no gateway waiting", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  const nowhere = { ...instanceOf(newIdentity("nowhere", "chat"), ""), metadata: new Map<string, string>(), addrs: [] };
  gate.naming.list("chat", nowhere, instanceOf(node.identity, node.address));
  await until(() => gate.dependency.isComplete, "it is complete", 2_000);
  expect(gate.linked).toEqual(["n1"]);
});

test("a node that comes back at another address is linked there as soon as it is listed", async () => {
  const before = TestNode.start("n1");
  const gate = new TestGateway();
  gate.list(before);
  await until(() => gate.linked.length === 1, "it is linked");
  await before.kill();
  await until(() => gate.linked.length === 0, "its link is gone");
  const after = TestNode.start("n1");
  expect(after.address).not.toBe(before.address);
  gate.list(after);
  await until(() => after.told.length > 0, "it is linked there");
  expect(gate.linked).toEqual(["n1"]);
});

test("a dependency that is stopped dials no node any more and ends its links", async () => {
  const timers = new HastyTimers();
  const node = TestNode.start("n1");
  const gate = new TestGateway(newIdentity("gate"), { timers });
  gate.naming.list(
    "chat",
    instanceOf(node.identity, node.address),
    instanceOf(newIdentity("n2", "chat"), "127.0.0.1:1"),
  );
  await until(() => gate.linked.length === 1 && timers.pauses.length > 3, "one is linked, the other is tried");
  gate.stop();
  await until(() => node.told.length === 2, "the node has noticed");
  await Bun.sleep(20);
  expect(timers.pending).toBe(0);
  expect(gate.linked).toEqual([]);
  gate.list(node);
  await Bun.sleep(20);
  expect(node.told).toEqual(["linked gate", "lost gate"]);
});
