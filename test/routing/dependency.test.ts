// How a gateway holds on to the nodes of a service: dialled as they are listed, dialled again for as long as they are,
// never cut off because of what a registry says. Over TCP.

import { limitTable } from "../../src/base/limits/table.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { linkProof } from "../../src/auth/link-proof.ts";
import { newStoreIdentity } from "../../src/auth/store-ownership.ts";
import { linkAddress } from "../../src/routing/dependency.ts";
import { handshakeMsMax } from "../../src/link/handshake.ts";
import { LinkListener } from "../../src/link/link-listener.ts";
import { unknownStores } from "../../src/link/node-stores.ts";
import { systemTimers, type Timers } from "../../src/base/timers.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { until } from "../../scripts/harness/until.ts";
import { Recording } from "../transport/recording.ts";
import {
  closeAll,
  clusterKey,
  HandDialler,
  instanceOf,
  LinkEnd,
  newIdentity,
  TestGateway,
  TestNode,
  wrongKey,
} from "../link/support.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const request = encodeLogicPacket({ command: "chat.user.talk" }, new Uint8Array(0));

afterEach(closeAll);

/** Timers that remember what redials asked for, and do not wait so long; handshakes have their time. */
class HastyTimers implements Timers {
  readonly pauses: number[] = [];
  /** After so many no further one runs. */
  runs = Infinity;
  /** Planned and neither run nor cancelled. */
  pending = 0;

  after(delayMs: number, action: () => void): () => void {
    if (delayMs === handshakeMsMax) return systemTimers.after(delayMs, action);
    this.pauses.push(delayMs);
    this.pending++;
    let isOver = false;
    const over = (): boolean => {
      if (isOver) return false;
      isOver = true;
      this.pending--;
      return true;
    };
    const cancel = systemTimers.after(0, () => {
      if (this.runs-- > 0 && over()) action();
    });
    return () => {
      cancel();
      over();
    };
  }

  soon(action: () => void): void {
    systemTimers.soon(action);
  }
}

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

test("a node that answers nothing is tried again after growing pauses, for as long as it is listed", async () => {
  const timers = new HastyTimers();
  let dials = 0;
  const dial = (): Promise<never> => {
    dials++;
    return Promise.reject(new Error("nobody listens there"));
  };
  const gate = new TestGateway(newIdentity("gate"), { timers, dial });
  gate.naming.list("chat", instanceOf(newIdentity("n1", "chat"), "127.0.0.1:1"));
  await until(() => dials >= 40, "it is dialled again and again");
  const [first, ...pauses] = timers.pauses;
  expect(first).toBe(0);
  pauses.slice(0, 38).forEach((pause, at) => {
    const boundMs = Math.min(50 * 2 ** (at + 1), 2_000);
    expect(pause).toBeGreaterThanOrEqual(boundMs / 2);
    expect(pause).toBeLessThanOrEqual(boundMs);
  });
  // Many gateways that lose one node do not come back in step.
  expect(new Set(pauses.slice(8, 38)).size).toBeGreaterThan(20);
  gate.naming.list("chat");
  await until(() => timers.pending === 0, "nothing is planned any more");
  const before = dials;
  gate.naming.list("chat");
  expect(dials).toBe(before);
});

test("one that lets in and closes at once is tried after growing pauses, too", async () => {
  const timers = new HastyTimers();
  const node = TestNode.start("n1");
  const listener = new LinkListener(node);
  const parting = new LinkEnd(node.identity);
  const { address } = parting.listen({
    accept: (connection) => {
      const handler = listener.accept(connection);
      setTimeout(() => connection.close(closeAbnormal), 20);
      return handler;
    },
  });
  listener.address = address;
  const gate = new TestGateway(newIdentity("gate"), { timers });
  gate.naming.list("chat", instanceOf(node.identity, address));
  await until(() => timers.pauses.length >= 5, "it is tried often");
  for (const [at, pause] of timers.pauses.slice(1, 5).entries()) {
    const boundMs = 50 * 2 ** (at + 1);
    expect(pause).toBeGreaterThanOrEqual(boundMs / 2);
    expect(pause).toBeLessThanOrEqual(boundMs);
  }
});

test("a gateway is complete with a node that is linked, once the others were tried in vain", async () => {
  const gate = new TestGateway(newIdentity("gate"), { timers: new HastyTimers() });
  const lost = instanceOf(newIdentity("lost", "chat"), "127.0.0.1:1");
  gate.naming.list("chat", lost);
  await Bun.sleep(100);
  expect(gate.dependency.isComplete).toBe(false);
  const node = TestNode.start("n1");
  gate.naming.list("chat", lost, instanceOf(node.identity, node.address));
  await until(() => gate.dependency.isComplete, "it is complete");
  expect(gate.linked).toEqual(["n1"]);
});

test("a wrong key on either side links nobody and is retried; the right one is linked meanwhile", async () => {
  const [good, foreign] = [TestNode.start("good"), TestNode.start("foreign", { key: wrongKey })];
  const timers = new HastyTimers();
  const gate = new TestGateway(newIdentity("gate"), { timers });
  gate.list(good, foreign);
  const stranger = new TestGateway(newIdentity("stranger"), { keys: [wrongKey], timers: new HastyTimers() });
  stranger.list(good);
  await until(() => timers.pauses.length > 10, "the foreign one is tried often");
  expect(gate.linked).toEqual(["good"]);
  expect(stranger.linked).toEqual([]);
  expect(foreign.told).toEqual([]);
  expect(good.told).toEqual(["linked gate"]);
  // Who found a proof wrong said so to nobody but its own log: nothing was proven to it.
  expect(gate.taken).toEqual([]);
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

test("a link that breaks is taken out at once and dialled again without a word from the registry", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  gate.list(node);
  await gate.linkedTo(node);
  const [link] = gate.links;
  link?.connection.close(closeAbnormal);
  await until(() => !gate.links.some((one) => one === link), "it is taken out");
  await gate.linkedTo(node);
  expect(gate.naming.finds).toBe(0);
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

test("a node that says that it leaves is not chosen, though its link stands and the registry lists it", async () => {
  const [leaving, staying] = [TestNode.start("n1"), TestNode.start("n2")];
  const gate = new TestGateway();
  gate.list(leaving, staying);
  await gate.linkedTo(leaving, staying);
  for (const { connection } of gate.links) connection.send(request);
  await until(() => leaving.asked.length + staying.asked.length === 2, "both have something to do");
  const { version } = gate.gateway.links;
  leaving.service.setReady(false);
  await until(() => gate.gateway.links.version > version, "the gateway has heard of it");
  for (let connection = 0; connection < 100; connection++) {
    const key = { channelId: `c${connection}`, app: "app", account: "alice" };
    expect(gate.gateway.links.choose("chat", key)?.id).toBe("n2");
  }
  expect(gate.linked).toEqual(["n1", "n2"]);
  staying.service.setReady(false);
  await until(() => gate.choice === undefined, "nobody can be chosen");
  expect(gate.gateway.links.missing()).toContain("chat");
});

test("an idle node that says that it leaves is chosen no more", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  gate.list(node);
  await gate.linkedTo(node);
  node.service.setReady(false);
  await until(() => gate.choice === undefined, "the gateway has heard of it", 2_000);
});

test("the load that a node says is known of its link", async () => {
  const node = TestNode.start("n1");
  const other = await HandDialler.linked(node.address, { identity: newIdentity("other") });
  for (let sent = 0; sent < 7; sent++) other.connection.send(request);
  await until(() => node.asked.length === 7, "seven requests are under way");
  const gate = new TestGateway();
  gate.list(node);
  await gate.linkedTo(node);
  expect(gate.links[0]?.load).toBe(7);
  other.connection.send(request);
  await until(() => node.asked.length === 8, "one more");
  node.service.setReady(true);
  await until(() => gate.links[0]?.load === 8, "its load is known");
  for (const context of node.asked) context.respondEmpty();
  node.service.setReady(true);
  await until(() => gate.links[0]?.load === 0, "it has nothing to do");
});

test("a node that is silent for too long is dead: its link ends, and it is dialled again", async () => {
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  gate.list(node);
  await gate.linkedTo(node);
  const [link] = gate.links;
  gate.wheel.advance(limitTable.linkSilenceMs.initial - 200);
  expect(link?.connection.isOpen).toBe(true);
  // What it says moves the deadline.
  node.service.setReady(true);
  await HandDialler.linked(node.address, { identity: newIdentity("later") });
  await until(() => (link?.load ?? 1) === 0, "the gateway has heard it");
  gate.wheel.advance(limitTable.linkSilenceMs.initial - 200);
  expect(link?.connection.isOpen).toBe(true);
  gate.wheel.advance(1_000);
  expect(link?.connection.isOpen).toBe(false);
  await until(() => gate.links.some((again) => again !== link && again.connection.isOpen), "it is linked again");
});

test("a gateway that is silent for too long is dead to its node", async () => {
  const node = TestNode.start("n1");
  const silent = await HandDialler.linked(node.address);
  node.wheel.advance(limitTable.linkSilenceMs.initial - 200);
  await silent.works();
  node.wheel.advance(limitTable.linkSilenceMs.initial - 200);
  expect(node.service.gateways.size).toBe(1);
  node.wheel.advance(1_000);
  await silent.recording.end();
  await until(() => node.service.gateways.size === 0, "the node has noticed");
  expect(node.told).toEqual(["linked gate", "lost gate"]);
});

test("whoever stops dials nobody any more and ends its links", async () => {
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

test("a peer that accepts and is silent is left after the handshake's time, and does not delay others", async () => {
  const silent = new LinkEnd(newIdentity("silent", "chat"));
  const { address } = silent.listen({ accept: (connection) => new Recording(connection) });
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  gate.naming.list("chat", instanceOf(silent.identity, address), instanceOf(node.identity, node.address));
  await until(() => gate.linked.length === 1, "the other is linked");
  expect(gate.dependency.isComplete).toBe(false);
});

describe("a node whose stores are not those of the nodes that are linked", () => {
  const sessions = { identity: newStoreIdentity(), place: "redis://a" };
  const [one, other] = ["sqlite:/a.db", "sqlite:/b.db"].map((place) => ({
    sessions,
    messages: { identity: newStoreIdentity(), place },
  }));
  if (one === undefined || other === undefined) throw new Error("two stores");

  test("is not linked, is told why, and is linked as soon as it agrees", async () => {
    const [right, wrong] = [TestNode.start("n1"), TestNode.start("n2")];
    right.stores = one;
    wrong.stores = other;
    const time = new ManualTimers();
    const gate = new TestGateway(newIdentity("gate"), time);
    gate.list(right);
    await time.during(gate.linkedTo(right));
    gate.list(right, wrong);
    await time.until(() => wrong.declined.length > 3, "it is refused again and again");
    expect(gate.linked).toEqual(["n1"]);
    expect(wrong.declined[0]).toBe(
      "gate: gate does not link n2: its message store sqlite:/b.db is not the message store sqlite:/a.db of n1; " +
        "give all chat nodes the same --store",
    );
    expect(wrong.told).toEqual([]);
    expect(gate.gateway.stores.trouble).toContain("n2");
    expect(gate.gateway.metrics.storeMismatches?.()).toBe(1);
    // Nobody has broken the protocol, and no client waits for that node.
    expect([wrong.faults("handshake-key"), wrong.faults("handshake-refused"), wrong.bugs]).toEqual([0, 0, 0]);
    expect(gate.dependency.isComplete).toBe(true);
    wrong.stores = one;
    await time.during(gate.linkedTo(wrong));
    expect([gate.gateway.stores.trouble, gate.gateway.stores.mismatches]).toEqual(["", 0]);
  });

  test("is cut off when that turns out later, with its requests refused, and the others serve on", async () => {
    const [right, wrong] = [TestNode.start("n1"), TestNode.start("n2")];
    right.stores = one;
    const gate = new TestGateway();
    gate.list(right, wrong);
    await gate.linkedTo(right, wrong);
    const link = gate.links.find(({ id }) => id === "n2");
    const refused = Promise.withResolvers<void>();
    if (link === undefined) throw new Error("it is linked");
    const drain = link.pending.drain.bind(link.pending);
    link.pending.drain = (each) => {
      drain(each);
      refused.resolve();
    };
    link.connection.send(request);
    await until(() => wrong.asked.length === 1, "the request arrives");
    wrong.stores = other;
    wrong.service.tellState();
    await refused.promise;
    await until(() => wrong.declined.length > 0, "it is told why");
    expect(wrong.told).toEqual(["linked gate", "lost gate"]);
    expect(gate.linked).toEqual(["n1"]);
    expect(gate.choice).toBe("n1");
  });

  test("that is unknown or malformed is linked, as a program that does not say", async () => {
    const nodes = ["n1", "n2", "n3"].map((id) => TestNode.start(id));
    const [right, silent, odd] = nodes;
    if (right === undefined || silent === undefined || odd === undefined) throw new Error("three nodes");
    right.stores = one;
    odd.stores = { sessions: { identity: "no identity", place: "redis://a" }, messages: undefined };
    const gate = new TestGateway();
    gate.list(...nodes);
    await gate.linkedTo(...nodes);
    expect(gate.gateway.stores.trouble).toBe("");
  });

  test("of a gateway that has begun to end is not asked about any more", async () => {
    const node = TestNode.start("n1");
    node.stores = one;
    const gate = new TestGateway();
    gate.list(node);
    await gate.linkedTo(node);
    gate.stop();
    await until(() => gate.linked.length === 0, "the link is ended");
    expect(gate.gateway.stores.decided).toEqual(unknownStores);
  });
});

test("a refusal without the cluster's key is not believed", async () => {
  const node = TestNode.start("n1");
  for (const [key, side] of [
    [wrongKey, "decline"],
    [clusterKey, "dial"],
  ] as const) {
    const stranger = await HandDialler.connect(node.address, { key });
    stranger.hello();
    const answer = await stranger.answer();
    const proof = linkProof(key, side, stranger.meeting(answer));
    stranger.request({ proof, declined: "you are not wanted" });
    await stranger.recording.end();
  }
  expect([node.declined, node.faults("handshake-key")]).toEqual([[], 2]);
});

test("what a refusal says is fit for a log, and only a gateway's counts", async () => {
  const node = TestNode.start("n1");
  for (const service of ["gateway", "login"]) {
    const dialler = await HandDialler.connect(node.address, { identity: newIdentity("d1", service) });
    dialler.hello();
    const answer = await dialler.answer();
    const proof = linkProof(clusterKey, "decline", dialler.meeting(answer));
    dialler.request({ proof, declined: "no\n2026-01-01 error a forged line\u001b[2J" });
    await dialler.recording.end();
  }
  expect(node.declined).toEqual(["d1: no ⏎ 2026-01-01 error a forged line\ufffd[2J"]);
  expect(node.told).toEqual([]);
});
