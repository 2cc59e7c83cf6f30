// A gateway and a node refuse each other when their keys or their stores differ. Over TCP.

import { afterEach, describe, expect, test } from "bun:test";
import { linkProof } from "../../src/auth/link-proof.ts";
import { newStoreIdentity } from "../../src/auth/store-ownership.ts";
import { unknownStores } from "../../src/link/node-stores.ts";
import { until } from "../../scripts/harness/until.ts";
import { closeAll, clusterKey, newIdentity, wrongKey } from "../link/support.ts";
import { HandDialler } from "../link/hand-handshake.ts";
import { TestGateway } from "../link/test-gateway.ts";
import { TestNode } from "../link/test-node.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { request, HastyTimers } from "./hasty-timers.ts";

afterEach(closeAll);

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

describe("a node whose stores are not those of the nodes that are linked", () => {
  const sessions = { identity: newStoreIdentity(), place: "redis://a" };
  const [one, other] = ["sqlite:/a.db", "sqlite:/b.db"].map((place) => ({
    sessions,
    messages: { identity: newStoreIdentity(), place },
  }));
  if (one === undefined || other === undefined) throw new Error("two stores");

  test("is not linked, learns why, and is linked as soon as it agrees", async () => {
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
