// One id belongs to one process at a time: who comes second is refused while the first one lives, and takes its place
// when it is dead. Over TCP.

import { afterEach, expect, test } from "bun:test";
import type { LinkIdentity } from "../../src/auth/link-proof.ts";
import { Link } from "../../src/routing/links.ts";
import { CloseCode, closeAbnormal } from "../../src/wire/close-reason.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { until } from "../../scripts/harness/until.ts";
import { closeAll, newIdentity } from "./support.ts";
import { HandDialler } from "./hand-handshake.ts";
import { TestGateway } from "./test-gateway.ts";
import { TestNode } from "./test-node.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";

const probeMs = 1_000;
const request = encodeLogicPacket({ command: "chat.user.talk" }, new Uint8Array(0));

afterEach(closeAll);

/** Whom the node knows under the id `gate`. */
const holderAt = (node: TestNode): string | undefined => node.service.gateways.get("gate")?.incarnation;

/** Gives a linked gateway a link, to a node of another service, that has stood for a minute. */
function establish({ gateway, links: [link] }: TestGateway, clock: Pick<Clock, "monotonicMs"> = systemClock): void {
  if (link === undefined) throw new Error("it is not linked");
  const sinceMs = clock.monotonicMs() - 60_000;
  gateway.links.add(new Link("login", "elder", link.connection, { sinceMs }));
}

/** A gateway that is lesser or greater than others of its id. */
const incarnated = (digit: string): LinkIdentity => ({ ...newIdentity("gate"), incarnation: digit.repeat(16) });

test("a second gateway under a live id is refused with a sentence, and the live one is not disturbed", async () => {
  const node = TestNode.start("node");
  const holder = await HandDialler.linked(node.address, { identity: incarnated("2") });
  const newcomer = new TestGateway(incarnated("1"));
  newcomer.list(node);
  await until(() => newcomer.taken.length > 0, "the newcomer is refused");
  expect(newcomer.taken[0]).toBe("the id gate belongs to another process that lives; give this one another --id");
  expect(newcomer.linked).toEqual([]);
  expect(node.faults("handshake-id-taken")).toBe(1);
  await holder.works();
  expect(holderAt(node)).toBe(holder.identity.incarnation);
  expect(node.told).toEqual(["linked gate"]);
});

test("the refusal names its status, and comes without a proof of the newcomer", async () => {
  const node = TestNode.start("node");
  await HandDialler.linked(node.address, { identity: incarnated("2") });
  for (const [digit, status] of [
    ["1", Status.Forbidden],
    ["3", Status.ServiceUnavailable],
  ] as const) {
    const newcomer = await HandDialler.connect(node.address, { identity: incarnated(digit) });
    newcomer.hello();
    const { Code, Error: sentence } = await newcomer.answer();
    expect(Code).toBe(status);
    expect(sentence).toContain("belongs to another process");
    expect((await newcomer.recording.end()).code).toBe(CloseCode.Unauthorised);
  }
});

test("twenty newcomers at once are refused, each of them, by one sign of life", async () => {
  const node = TestNode.start("node");
  const holder = await HandDialler.linked(node.address);
  const time = new ManualTimers();
  const newcomers = Array.from({ length: 20 }, () => new TestGateway(newIdentity("gate"), time));
  for (const newcomer of newcomers) newcomer.list(node);
  await time.until(() => newcomers.every(({ taken }) => taken.length > 0), "all are refused");
  await holder.works();
  expect(node.told).toEqual(["linked gate"]);
});

test("a holder that answers no ping but sends requests lives", async () => {
  const node = TestNode.start("node");
  // A greater newcomer would ask again, and find a holder that is silent now.
  const holder = await HandDialler.linked(node.address, { identity: incarnated("2"), answersPings: false });
  const frames = holder.recording.frames.length;
  const newcomer = new TestGateway(incarnated("1"));
  newcomer.list(node);
  await holder.recording.framesReach(frames + 1);
  holder.connection.send(request);
  await until(() => newcomer.taken.length > 0, "the newcomer is refused");
  expect(holderAt(node)).toBe(holder.identity.incarnation);
});

test("a dead holder, whose connection is open and silent, is replaced, and its link closed", async () => {
  const node = TestNode.start("node");
  const holder = await HandDialler.linked(node.address, { answersPings: false });
  const newcomer = new TestGateway(newIdentity("gate"));
  newcomer.list(node);
  await until(() => newcomer.linked.length > 0, "the newcomer is linked");
  expect((await holder.recording.end()).text).toContain("linked itself anew");
  await until(() => holderAt(node) === newcomer.identity.incarnation, "the node knows the newcomer");
  expect(newcomer.taken).toEqual([]);
  expect(newcomer.links[0]?.connection.isOpen).toBe(true);
});

test("a restart is let in without a question when the old link is gone", async () => {
  const node = TestNode.start("node");
  const holder = await HandDialler.linked(node.address);
  holder.connection.close(closeAbnormal);
  await until(() => holderAt(node) === undefined, "the node has noticed");
  const restarted = new TestGateway(newIdentity("gate"));
  restarted.list(node);
  await until(() => holderAt(node) === restarted.identity.incarnation, "it is linked");
  expect(node.serviceTimers.armed(probeMs)).toBe(0);
});

test("the same incarnation is let in without a question, and its older link ends", async () => {
  const node = TestNode.start("node");
  const first = await HandDialler.linked(node.address, { answersPings: false });
  const again = await HandDialler.linked(node.address, { identity: first.identity, answersPings: false });
  expect((await first.recording.end()).text).toContain("linked itself anew");
  await again.works();
  expect(node.serviceTimers.armed(probeMs)).toBe(0);
  expect(holderAt(node)).toBe(first.identity.incarnation);
});

test("a gateway whose link is replaced is not lost, and is lost when its last link ends", async () => {
  const node = TestNode.start("node");
  const first = await HandDialler.linked(node.address);
  const again = await HandDialler.linked(node.address, { identity: first.identity });
  await first.recording.end();
  await again.works();
  expect(node.told).toEqual(["linked gate", "linked gate"]);
  again.connection.close(closeAbnormal);
  await until(() => node.told.length > 2, "the node has noticed");
  expect(node.told).toEqual(["linked gate", "linked gate", "lost gate"]);
});

test("a holder whose link ends while it is asked is replaced without waiting further", async () => {
  const node = TestNode.start("node");
  const holder = await HandDialler.linked(node.address, { answersPings: false });
  const newcomer = new TestGateway(newIdentity("gate"));
  const frames = holder.recording.frames.length;
  newcomer.list(node);
  await holder.recording.framesReach(frames + 1);
  expect(node.serviceTimers.armed(probeMs)).toBe(1);
  holder.connection.close(closeAbnormal);
  await until(() => newcomer.linked.length > 0, "the newcomer is linked");
  expect(node.serviceTimers.left(probeMs)).toBe(0);
});

test("a newcomer that goes away while the holder is asked changes nothing", async () => {
  const node = TestNode.start("node");
  const holder = await HandDialler.linked(node.address, { answersPings: false });
  const frames = holder.recording.frames.length;
  const newcomer = await HandDialler.connect(node.address, { identity: newIdentity("gate") });
  newcomer.hello();
  await holder.recording.framesReach(frames + 1);
  newcomer.connection.close(closeAbnormal);
  await newcomer.recording.end();
  await holder.works();
  expect(node.serviceTimers.left(probeMs)).toBe(0);
  expect(node.told).toEqual(["linked gate"]);
});

test("of two that link themselves in the same moment one stays at a node", async () => {
  for (let round = 0; round < 5; round++) {
    const node = TestNode.start("node");
    const time = new ManualTimers();
    const pair = [new TestGateway(newIdentity("gate"), time), new TestGateway(newIdentity("gate"), time)];
    for (const one of pair) one.list(node);
    await time.until(() => pair.some(({ taken }) => taken.length > 0), "one of them is refused");
    const stayed = pair.filter(({ taken }) => taken.length === 0);
    expect(stayed).toHaveLength(1);
    await time.until(() => holderAt(node) === stayed[0]?.identity.incarnation, "the other one is linked");
    await closeAll();
  }
});

test("of two linked crosswise at the same moment the greater one stays, and is linked to all nodes", async () => {
  const [one, two] = [TestNode.start("one"), TestNode.start("two")];
  const [lesser, greater] = [new TestGateway(incarnated("1")), new TestGateway(incarnated("2"))];
  lesser.list(one);
  greater.list(two);
  await Promise.all([lesser.linkedTo(one), greater.linkedTo(two)]);
  // The greater one is refused first.
  greater.list(one, two);
  await until(() => one.faults("handshake-id-contested") > 1, "it asks again");
  lesser.list(one, two);
  await until(() => lesser.taken.length > 0, "the lesser one is refused");
  await greater.linkedTo(one, two);
  expect(greater.taken).toEqual([]);
  expect(lesser.taken).toHaveLength(1);
});

test("a greater newcomer gives up after a while when the lesser holder stays, which is not disturbed", async () => {
  const node = TestNode.start("node");
  const holder = await HandDialler.linked(node.address, { identity: incarnated("1") });
  const time = new ManualTimers();
  const newcomer = new TestGateway(incarnated("2"), time);
  newcomer.list(node);
  await time.until(() => newcomer.taken.length > 0, "the newcomer gives up");
  expect(newcomer.taken).toEqual(["the id gate belongs to another process that lives; give this one another --id"]);
  expect(newcomer.linked).toEqual([]);
  await holder.works();
  expect(holderAt(node)).toBe(holder.identity.incarnation);
  expect(node.told).toEqual(["linked gate"]);
});

test("a lesser newcomer ends at once where a greater one is established, which is not disturbed", async () => {
  const [one, two] = [TestNode.start("one"), TestNode.start("two")];
  const [established, newcomer] = [new TestGateway(incarnated("2")), new TestGateway(incarnated("1"))];
  established.list(one);
  newcomer.list(two);
  await Promise.all([established.linkedTo(one), newcomer.linkedTo(two)]);
  establish(established);
  // The established one is refused first.
  established.list(one, two);
  await until(() => two.faults("handshake-id-contested") > 0, "the established one asks");
  newcomer.list(one, two);
  await until(() => newcomer.taken.length > 0, "the newcomer is refused");
  await established.linkedTo(one, two);
  expect(one.faults("handshake-id-taken")).toBe(1);
  expect(established.taken).toEqual([]);
});

// How the greater one ends is waited for, and both are by one wait: it asks for three seconds.
test("an established gateway does not end for a greater one, be that new or established, which ends", async () => {
  const lesserStays = async (isGreaterEstablished: boolean): Promise<void> => {
    const [one, two] = [TestNode.start("one"), TestNode.start("two")];
    const time = new ManualTimers();
    const [lesser, greater] = [new TestGateway(incarnated("1"), time), new TestGateway(incarnated("2"), time)];
    lesser.list(one);
    greater.list(two);
    await time.during(Promise.all([lesser.linkedTo(one), greater.linkedTo(two)]));
    establish(lesser, time);
    if (isGreaterEstablished) establish(greater, time);
    // The lesser one is refused first, and asks again.
    lesser.list(one, two);
    await time.until(() => two.faults("handshake-id-taken") > 1, "the lesser one asks again");
    greater.list(one, two);
    await time.until(() => greater.taken.length > 0, "the greater one ends");
    await time.during(lesser.linkedTo(one, two));
    expect(one.service.gateways.get("gate")?.incarnation).toBe(lesser.identity.incarnation);
    expect(one.faults("handshake-id-contested")).toBeGreaterThan(1);
    expect(lesser.taken).toEqual([]);
    expect(greater.taken).toHaveLength(1);
  };
  await Promise.all([lesserStays(false), lesserStays(true)]);
});
