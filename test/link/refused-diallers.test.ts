// An acceptor refuses every dialler that lacks the key or breaks the order, counts it, and disturbs no other link.

import { describe, expect, test } from "bun:test";
import { linkProof } from "../../src/auth/link-proof.ts";
import { systemRandom } from "../../src/base/random.ts";
import { type CloseReason, CloseCode, closeAbnormal } from "../../src/wire/close-reason.ts";
import { basicPing } from "../../src/wire/packet.ts";
import { clusterKey, newIdentity, wrongKey } from "./support.ts";
import { HandDialler } from "./hand-handshake.ts";
import { TestNode } from "./test-node.ts";
import { random, request } from "./handshake-support.ts";
import { watchHandshakes } from "./handshake-support.ts";

watchHandshakes();

describe("a dialler is refused", () => {
  /** A node with a good link, which has to work before and after. */
  async function besideAGoodLink(act: (node: TestNode) => Promise<HandDialler>): Promise<{
    readonly node: TestNode;
    readonly reason: CloseReason;
  }> {
    const node = TestNode.start("node");
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const bad = await act(node);
    const reason = await bad.recording.end();
    await good.works();
    expect([...node.service.gateways.keys()]).toEqual(["good"]);
    expect(node.told).toEqual(["linked good"]);
    expect(node.asked).toEqual([]);
    return { node, reason };
  }

  const connect = (node: TestNode): Promise<HandDialler> => HandDialler.connect(node.address);

  test("that has another key", async () => {
    const { node, reason } = await besideAGoodLink(async ({ address }) => {
      const bad = await HandDialler.connect(address, { key: wrongKey });
      await bad.shake();
      return bad;
    });
    expect(reason.code).toBe(CloseCode.Unauthorised);
    expect(node.faults("handshake-key")).toBe(1);
  });

  const hellos: readonly [string, Parameters<HandDialler["hello"]>[0]][] = [
    ["without a nonce", { nonce: new Uint8Array(0) }],
    ["with a nonce of 31 bytes", { nonce: systemRandom.bytes(31) }],
    ["with a nonce of 33 bytes", { nonce: systemRandom.bytes(33) }],
    ["without an incarnation", { incarnation: "" }],
    ["without a service", { serviceName: "" }],
    ["without an id", { ServiceId: "" }],
    ["with an id of 41 characters", { ServiceId: "g".repeat(41) }],
    ["with a space", { ServiceId: "gate 1" }],
    ["with a new line", { ServiceId: "gate\n" }],
    ["with a comma", { ServiceId: "gate,1" }],
    ["with a slash", { ServiceId: "../gate" }],
    ["with an underscore, which separates channel ids", { ServiceId: "gate_1" }],
    ["with a letter that is not ASCII", { ServiceId: "gäte" }],
    ["with a NUL", { incarnation: "a\0b" }],
    ["with a service that is no name", { serviceName: "gate way" }],
  ];
  test.each(hellos)("that says hello %s", async (_, overrides) => {
    const { node, reason } = await besideAGoodLink(async (at) => {
      const bad = await connect(at);
      bad.hello(overrides);
      return bad;
    });
    expect(reason.code).toBe(CloseCode.ProtocolFault);
    expect(node.faults("handshake-malformed")).toBe(1);
  });

  const firsts: readonly [string, (bad: HandDialler) => void][] = [
    ["random bytes", (bad) => bad.connection.send(Buffer.concat([Buffer.from([0xff]), random.bytes(200)]))],
    ["a packet", (bad) => bad.connection.send(request)],
    ["a ping", (bad) => bad.connection.send(basicPing)],
    ["a proof", (bad) => bad.request({ proof: systemRandom.bytes(32) })],
    ["a hello that is cut short", (bad) => bad.connection.send(Buffer.from([0x0a, 0x04, 0x67, 0x61]))],
  ];
  test.each(firsts)("that begins with %s", async (_, act) => {
    const { node, reason } = await besideAGoodLink(async (at) => {
      const bad = await connect(at);
      act(bad);
      return bad;
    });
    expect(reason.code).toBe(CloseCode.ProtocolFault);
    expect(node.faults("handshake-malformed")).toBe(1);
  });

  const seconds: readonly [string, (bad: HandDialler) => void][] = [
    ["says hello again", (bad) => bad.hello()],
    ["sends random bytes", (bad) => bad.connection.send(random.bytes(100))],
    ["sends a packet", (bad) => bad.connection.send(request)],
    ["proves nothing", (bad) => bad.request({ serviceName: "gateway" })],
    ["sends a proof of 31 bytes", (bad) => bad.request({ proof: systemRandom.bytes(31) })],
  ];
  test.each(seconds)("that says hello and then %s", async (_, act) => {
    const { node, reason } = await besideAGoodLink(async (at) => {
      const bad = await connect(at);
      bad.hello();
      await bad.answer();
      act(bad);
      return bad;
    });
    expect(reason.code).toBe(CloseCode.Unauthorised);
    expect(node.faults("handshake-key")).toBe(1);
  });

  test("that does not wait for the answer to its hello", async () => {
    const { node, reason } = await besideAGoodLink(async (at) => {
      const bad = await connect(at);
      bad.hello();
      bad.hello();
      return bad;
    });
    expect(reason.code).toBe(CloseCode.ProtocolFault);
    expect(node.faults("handshake-malformed")).toBe(1);
  });

  test("that sends the acceptor's own proof back", async () => {
    const { node, reason } = await besideAGoodLink(async (at) => {
      const bad = await connect(at);
      bad.hello();
      bad.request({ proof: (await bad.answer()).proof });
      return bad;
    });
    expect(reason.code).toBe(CloseCode.Unauthorised);
    expect(node.faults("handshake-key")).toBe(1);
  });

  test("that repeats what it overheard of another meeting, hello and proof", async () => {
    const { node, reason } = await besideAGoodLink(async ({ address }) => {
      const overheard = await HandDialler.connect(address);
      overheard.hello();
      const answer = await overheard.answer();
      const proof = linkProof(clusterKey, "dial", overheard.meeting(answer));
      overheard.connection.close(closeAbnormal);
      await overheard.recording.end();
      const bad = await HandDialler.connect(address, { identity: overheard.identity, nonce: overheard.nonce });
      bad.hello();
      await bad.answer();
      bad.request({ proof });
      return bad;
    });
    expect(reason.code).toBe(CloseCode.Unauthorised);
    expect(node.faults("handshake-key")).toBe(1);
  });

  test("that proves another identity than it announced", async () => {
    const { node, reason } = await besideAGoodLink(async (at) => {
      const bad = await connect(at);
      bad.hello({ ServiceId: "other" });
      bad.request({ proof: linkProof(clusterKey, "dial", bad.meeting(await bad.answer())) });
      return bad;
    });
    expect(reason.code).toBe(CloseCode.Unauthorised);
    expect(node.faults("handshake-key")).toBe(1);
  });

  test("that is no gateway, although it knows the key", async () => {
    const { node, reason } = await besideAGoodLink(async ({ address }) => {
      const bad = await HandDialler.connect(address, { identity: newIdentity("chat-2", "chat") });
      await bad.shake();
      return bad;
    });
    expect(reason.code).toBe(CloseCode.ProtocolFault);
    expect(node.faults("handshake-refused")).toBe(1);
  });

  test("that proves itself twice: the link stood, and ends", async () => {
    const node = TestNode.start("node");
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const bad = await HandDialler.connect(node.address);
    const answer = await bad.shake();
    bad.request({ proof: linkProof(clusterKey, "dial", bad.meeting(answer)) });
    expect((await bad.recording.end()).code).toBe(CloseCode.ProtocolFault);
    await good.works();
    expect(node.told).toEqual(["linked good", "linked gate", "lost gate"]);
  });
});
