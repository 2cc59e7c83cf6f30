// A gateway chooses no node that says that it leaves, and knows the load that a node says. Over TCP.

import { afterEach, expect, test } from "bun:test";
import { until } from "../../scripts/harness/until.ts";
import { closeAll, newIdentity } from "../link/support.ts";
import { HandDialler } from "../link/hand-handshake.ts";
import { TestGateway } from "../link/test-gateway.ts";
import { TestNode } from "../link/test-node.ts";
import { request } from "./hasty-timers.ts";

afterEach(closeAll);

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
