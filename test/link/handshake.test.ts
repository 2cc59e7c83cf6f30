// A link begins with a handshake, over TCP: a peer with the right key that keeps the order is linked.

import { expect, test } from "bun:test";
import { linkProof, provesLink } from "../../src/auth/link-proof.ts";
import { unknownStores } from "../../src/link/node-stores.ts";
import { decodeLinkState } from "../../src/link/link-state.ts";
import { decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { until } from "../../scripts/harness/until.ts";
import { clusterKey, LinkEnd, newIdentity } from "./support.ts";
import { HandDialler } from "./hand-handshake.ts";
import { TestNode } from "./test-node.ts";
import { request, shakeHands } from "./handshake-support.ts";
import { watchHandshakes } from "./handshake-support.ts";

watchHandshakes();

test("with the right key the link stands, and both know whom they have met", async () => {
  const node = TestNode.start("node");
  const end = new LinkEnd(newIdentity("gate"));
  const { met, recording } = await shakeHands(node.address, "node", end);
  expect(met.identity).toEqual({ id: "node", incarnation: node.identity.incarnation });
  expect(met.state).toEqual({ isReady: true, load: 0, stores: unknownStores });
  await until(() => node.service.gateways.size === 1, "the node knows the gateway");
  expect(node.service.gateways.get("gate")?.incarnation).toBe(end.identity.incarnation);
  expect(node.told).toEqual(["linked gate"]);
  recording.connection.send(request);
  await until(() => node.asked.length === 1, "the request arrives");
  expect(node.asked[0]?.link.gateway).toBe("gate");
  expect(node.metrics.faults.counts.size).toBe(0);
});

test("what the dialler sends in the turn of its proof is read after it", async () => {
  const node = TestNode.start("node");
  const gate = await HandDialler.connect(node.address);
  await gate.shake();
  for (let sequence = 1; sequence <= 50; sequence++)
    gate.connection.send(encodeLogicPacket({ command: "chat.user.talk", sequence }, new Uint8Array(0)));
  await until(() => node.asked.length === 50, "all arrive");
  expect(node.asked.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
});

test("a node that is not ready says so, and the proof that it gives is its own", async () => {
  const node = TestNode.start("node", { isReady: false });
  const gate = await HandDialler.connect(node.address);
  gate.hello();
  const answer = await gate.answer();
  expect(answer.state?.isReady ?? false).toBe(false);
  expect(provesLink(answer.proof, clusterKey, "accept", gate.meeting(answer))).toBe(true);
  expect(provesLink(answer.proof, clusterKey, "dial", gate.meeting(answer))).toBe(false);
  expect(answer.nonce).toHaveLength(32);
  const again = await HandDialler.connect(node.address, { identity: gate.identity, nonce: gate.nonce });
  again.hello();
  expect(Buffer.from((await again.answer()).nonce).equals(Buffer.from(answer.nonce))).toBe(false);
});

test("a change of state between a node's answer and the proof is sent as soon as the link stands", async () => {
  const node = TestNode.start("node", { isReady: false });
  const gate = await HandDialler.connect(node.address);
  gate.hello();
  const answer = await gate.answer();
  node.service.setReady(true);
  gate.request({ proof: linkProof(clusterKey, "dial", gate.meeting(answer)) });
  await until(() => gate.recording.frames.length > 1, "it is told", 1_000);
  const packet = decodePacket(gate.recording.frames[1] ?? Buffer.alloc(0));
  expect(packet.kind === "basic" ? decodeLinkState(packet.body)?.isReady : undefined).toBe(true);
});
