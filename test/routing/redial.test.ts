// A gateway dials a listed node again after growing pauses, and treats a silent link as dead. Over TCP.

import { limitTable } from "../../src/base/limits/table.ts";
import { afterEach, expect, test } from "bun:test";
import { LinkListener } from "../../src/link/link-listener.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { until } from "../../scripts/harness/until.ts";
import { Recording } from "../transport/recording.ts";
import { closeAll, LinkEnd, newIdentity } from "../link/support.ts";
import { HandDialler } from "../link/hand-handshake.ts";
import { instanceOf } from "../link/hand-naming.ts";
import { TestGateway } from "../link/test-gateway.ts";
import { TestNode } from "../link/test-node.ts";
import { HastyTimers } from "./hasty-timers.ts";

afterEach(closeAll);

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

test("a peer that accepts and is silent is left after the handshake's time, and does not delay others", async () => {
  const silent = new LinkEnd(newIdentity("silent", "chat"));
  const { address } = silent.listen({ accept: (connection) => new Recording(connection) });
  const node = TestNode.start("n1");
  const gate = new TestGateway();
  gate.naming.list("chat", instanceOf(silent.identity, address), instanceOf(node.identity, node.address));
  await until(() => gate.linked.length === 1, "the other is linked");
  expect(gate.dependency.isComplete).toBe(false);
});
