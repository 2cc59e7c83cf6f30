// The limits of links, each at its value and one above it.

import { afterEach, describe, expect, test } from "bun:test";
import { handshakeAdmission } from "../../src/link/link-network.ts";
import { headerBytesMax, linkHeaderBytesMax } from "../../src/base/limits/fixed.ts";
import type { Limits } from "../../src/base/limits/limits.ts";
import type { LimitValues } from "../../src/base/limits/table.ts";
import type { Admitted } from "../../src/transport/admission.ts";
import { CloseCode, closeNormal } from "../../src/wire/close-reason.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { loneGateway } from "../support/lone-gateway.ts";
import { until } from "../../scripts/harness/until.ts";
import { Recording } from "../transport/recording.ts";
import { clusterKey, closeAll, LinkEnd, newIdentity } from "./support.ts";
import { HandDialler } from "./hand-handshake.ts";
import { TestNode } from "./test-node.ts";

afterEach(closeAll);

const nodeWith = (values: Partial<LimitValues>): TestNode =>
  TestNode.start("node", {}, [clusterKey], testLimits(values));

const strangers = (node: TestNode, count: number): Promise<HandDialler[]> =>
  Promise.all(Array.from({ length: count }, () => HandDialler.connect(node.address)));

bound("handshakes", {
  at: async () => {
    const node = nodeWith({ handshakes: 3 });
    const silent = await strangers(node, 3);
    await until(() => node.limits.use("handshakes") === 3, "all are counted");
    expect(silent.every(({ connection }) => connection.isOpen)).toBe(true);
    expect(node.limits.reached.get("handshakes")).toBeUndefined();
  },
  above: async () => {
    const node = nodeWith({ handshakes: 3 });
    const silent = await strangers(node, 3);
    await until(() => node.limits.use("handshakes") === 3, "all are counted");
    await strangers(node, 1);
    const first = await Promise.race(silent.map(({ recording }) => recording.end()));
    expect(first.code).toBe(CloseCode.Limit);
    expect(silent.filter(({ connection }) => connection.isOpen)).toHaveLength(2);
    expect(node.limits.reached.get("handshakes")).toBe(1);
  },
});

/** Which of the strangers of one address were ended. */
function ofAddress(address: string, count: number, limits: Limits): boolean[] {
  const admission = handshakeAdmission(limits);
  const all = Array.from({ length: count }, () => {
    const stranger: Admitted & { isEnded: boolean } = {
      remoteAddress: address,
      isEnded: false,
      evict: () => void (stranger.isEnded = true),
    };
    return stranger;
  });
  for (const stranger of all) admission.enter(stranger);
  return all.map(({ isEnded }) => isEnded);
}

bound("handshakesPerAddress", {
  at: () => {
    expect(ofAddress("192.0.2.1", 2, testLimits({ handshakesPerAddress: 2 }))).toEqual([false, false]);
  },
  above: () => {
    const limits = testLimits({ handshakesPerAddress: 2 });
    expect(ofAddress("192.0.2.1", 3, limits)).toEqual([true, false, false]);
    expect(limits.reached.get("handshakesPerAddress")).toBe(1);
    expect(ofAddress("127.0.0.1", 3, limits)).toEqual([false, false, false]);
  },
});

/** A link of one end to another, and the two connections. */
async function linkWith(values: Partial<LimitValues>) {
  const limits = testLimits(values);
  const end = new LinkEnd(newIdentity("far"), [clusterKey], limits);
  const { address } = end.listen({ accept: (connection) => new Recording(connection) });
  const connection = await end.dial(address, (dialled) => new Recording(dialled));
  return { connection, limits };
}

bound("unsentBytesPerLink", {
  at: async () => {
    const { connection } = await linkWith({ unsentBytesPerLink: 10_000 });
    expect([connection.send(Buffer.alloc(4_995)), connection.send(Buffer.alloc(4_995))]).toEqual([true, true]);
  },
  above: async () => {
    const { connection, limits } = await linkWith({ unsentBytesPerLink: 10_000 });
    expect([connection.send(Buffer.alloc(4_995)), connection.send(Buffer.alloc(4_996))]).toEqual([true, false]);
    expect(limits.reached.get("unsentBytesPerLink")).toBe(1);
    // Nothing but the request is refused.
    expect(connection.isOpen).toBe(true);
    connection.close(closeNormal);
  },
});

const talk = encodeLogicPacket({ command: Command.UserTalk, sequence: 1 }, new Uint8Array(0));

bound("requestsPerLink", {
  at: () => {
    const { client, node } = loneGateway({ requestsPerLink: 3 });
    for (const account of ["a", "b", "c"]) client(account).send(talk);
    expect(node.packets).toHaveLength(3);
  },
  above: () => {
    const { client, node, bounds } = loneGateway({ requestsPerLink: 3 });
    for (const account of ["a", "b", "c"]) client(account).send(talk);
    const late = client("d");
    late.send(talk);
    expect(node.packets).toHaveLength(3);
    expect(late.connection.packets.at(-1)?.header.status).toBe(Status.ServiceUnavailable);
    expect(bounds.reached.get("requestsPerLink")).toBe(1);
  },
});

describe("strangers at a link port", () => {
  test("that are silent do not keep a new link out, and do not end one that stands", async () => {
    const node = nodeWith({ handshakes: 64 });
    // Some end before they stand.
    const flood = () => Promise.allSettled(Array.from({ length: 200 }, () => HandDialler.connect(node.address)));
    const elder = await HandDialler.linked(node.address, { identity: newIdentity("elder") });
    await flood();
    const newcomer = await HandDialler.linked(node.address, { identity: newIdentity("newcomer") });
    await flood();
    await newcomer.works();
    await elder.works();
    expect(node.told).toEqual(["linked elder", "linked newcomer"]);
    expect(node.limits.use("handshakes")).toBeLessThanOrEqual(64);
  });

  test("that announce the largest frame of a link are refused by its head", async () => {
    const node = nodeWith({});
    const before = node.faults("frame-too-large");
    const [stranger] = await strangers(node, 1);
    stranger?.connection.send(Buffer.alloc(16 * 1024 * 1024));
    expect((await stranger?.recording.end())?.code).toBe(CloseCode.TooLarge);
    expect(node.faults("frame-too-large")).toBe(before + 1);
  });
});

test.each([
  ["a thousand people", "a", 31, 1_000, 2],
  ["a thousand people whose names are of the longest characters", "國", 31, 1_000, 2],
  ["more than a link's header holds", "國", 91, 1_000, 6],
])(
  "a push to %s of one gateway is as few packets as the headers of links allow",
  async (_, letter, length, people, count) => {
    const node = TestNode.start("node");
    const gate = await HandDialler.linked(node.address);
    const channels = Array.from({ length: people }, (_each, at) => `gate_${at}_`.padEnd(length, letter));
    const located = channels.map((channelId) => [
      { device: "", channelId, gateway: gate.identity.id, incarnation: "i" },
    ]);
    // What else a header may have: as much as a client's.
    const head = { command: Command.GroupTalk, channelId: "", sequence: 1, dest: "d".repeat(headerBytesMax - 200) };
    gate.recording.frames.length = 0;
    node.dispatcher.push(head, Buffer.from("body"), located, "");
    await gate.works();
    const pushes = gate.recording.frames.filter((frame) => frame.length > headerBytesMax);
    const told = pushes.flatMap((frame) => {
      const packet = decodePacket(frame, linkHeaderBytesMax);
      if (packet.kind !== "logic") throw new Error("it is a push");
      return packet.header.meta.find(({ key }) => key === MetaKey.DestChannels)?.value.split(",") ?? [];
    });
    expect(told).toEqual(channels);
    expect(pushes).toHaveLength(count);
  },
);
