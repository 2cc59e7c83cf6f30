// How links begin, over TCP: with the key and in order they stand; everything else ends the one connection that it came
// by, is counted, and disturbs no other link.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { linkProof, provesLink } from "../../src/auth/link-proof.ts";
import { linkFrameBytesMax } from "../../src/base/limits/fixed.ts";
import { systemRandom } from "../../src/base/random.ts";
import { AcceptingHandshake } from "../../src/link/accepting-handshake.ts";
import { DiallingHandshake, LinkRefused, type Met } from "../../src/link/dialling-handshake.ts";
import { unknownStores } from "../../src/link/node-stores.ts";
import { LinkListener } from "../../src/link/link-listener.ts";
import { decodeLinkState } from "../../src/link/link-state.ts";
import { whoAnswers } from "../../src/link/who.ts";
import type { Connection, FrameHandler } from "../../src/transport/transport.ts";
import { type CloseReason, CloseCode, closeAbnormal } from "../../src/wire/close-reason.ts";
import { writeFrameHeader } from "../../src/wire/frame-writer.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { Recording } from "../transport/recording.ts";
import {
  afterwards,
  answerHello,
  closeAll,
  clusterKey,
  HandDialler,
  handAcceptor,
  LinkEnd,
  linkHost,
  newIdentity,
  TestNode,
  wrongKey,
  handshakeTimers,
} from "./support.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import type { Timers } from "../../src/base/timers.ts";

const random = new Random(testSeed("handshakes"));
const handshakeMsMax = 3_000;
const request = encodeLogicPacket({ command: "chat.user.talk", sequence: 1 }, new Uint8Array(4));

/** No handshake may leave its timer behind, however it ends. */
beforeEach(() => handshakeTimers.forget());
afterEach(async () => {
  await closeAll();
  await until(() => handshakeTimers.left(handshakeMsMax) === 0, "no handshake's timer is left");
});

/** Dials as a process does. */
async function shakeHands(
  address: string,
  expectedId: string,
  end: LinkEnd = new LinkEnd(newIdentity("gate")),
): Promise<{ readonly met: Met; readonly recording: Recording }> {
  const opened: { handshake: DiallingHandshake; recording: Recording }[] = [];
  const connection = await end.dial(address, (dialled) => {
    const recording = new Recording(dialled);
    const handshake = new DiallingHandshake(
      dialled,
      { ...end.side, clusterKeys: end.keys.all, expectedId, address, isProven: false },
      () => recording,
    );
    opened.push({ handshake, recording });
    return handshake;
  });
  afterwards(() => connection.close(closeAbnormal));
  const [one] = opened;
  if (one === undefined) throw new Error("dialled without a handler");
  return { met: await one.handshake.met, recording: one.recording };
}

/** Why a handshake was refused. */
async function refusal(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error("it was not refused");
  return error;
}

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

test("a young node says so, and the proof that it gives is its own", async () => {
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

test("what a node has become between its answer and the proof is told as soon as the link stands", async () => {
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

  test("that proves itself as somebody else than it said", async () => {
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

describe("bytes that are no handshake", () => {
  async function rawSocket(address: string): Promise<{ readonly socket: Socket; readonly state: { isOver: boolean } }> {
    const socket = createConnection({ host: "127.0.0.1", port: Number(address.split(":")[1]) });
    const state = { isOver: false };
    socket.on("error", () => (state.isOver = true));
    socket.on("close", () => (state.isOver = true));
    socket.resume();
    afterwards(() => void socket.destroy());
    await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
    return { socket, state };
  }

  const head = (opcode: number, bytes: number): Buffer => {
    const frame = Buffer.alloc(5);
    writeFrameHeader(frame, 0, opcode, bytes);
    return frame;
  };
  const cases: readonly [string, Buffer, string][] = [
    ["a frame of a byte too much", head(2, linkFrameBytesMax + 1), "frame-too-large"],
    ["a frame of four gigabytes", head(2, 0xffff_ffff), "frame-too-large"],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: chat\r\n\r\n"), "frame"],
    ["TLS", Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]), "frame"],
    ["a text frame", Buffer.concat([head(1, 2), Buffer.from("hi")]), "frame"],
  ];
  test.each(cases)("%s: closed, counted, and nothing else disturbed", async (_, bytes, kind) => {
    const node = TestNode.start("node");
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const { socket, state } = await rawSocket(node.address);
    socket.write(bytes);
    await until(() => state.isOver, "it is closed");
    expect(node.faults(kind)).toBe(1);
    await good.works();
    expect(node.told).toEqual(["linked good"]);
  });

  test("whoever goes away in the middle leaves nothing behind", async () => {
    const node = TestNode.start("node");
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const begun = handshakeTimers.armed(handshakeMsMax);
    const leavers = await Promise.all(Array.from({ length: 20 }, () => rawSocket(node.address)));
    const halves = await Promise.all(Array.from({ length: 20 }, () => HandDialler.connect(node.address)));
    for (const half of halves) half.hello();
    await Promise.all(halves.map((half) => half.answer()));
    await until(() => handshakeTimers.armed(handshakeMsMax) === begun + 40, "all are waited for");
    for (const { socket } of leavers) {
      socket.write(head(2, 100));
      socket.destroy();
    }
    for (const half of halves) half.connection.close(closeAbnormal);
    await until(() => handshakeTimers.left(handshakeMsMax) === 0, "nobody is waited for");
    await good.works();
    expect(node.told).toEqual(["linked good"]);
    expect(node.metrics.faults.counts.size).toBe(0);
  });

  test("200 frames of random bytes at random moments of a handshake never make a link", async () => {
    const node = TestNode.start("node");
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const codes: number[] = [CloseCode.ProtocolFault, CloseCode.Unauthorised];
    for (let round = 0; round < 2; round++) {
      const strangers = await Promise.all(Array.from({ length: 50 }, () => HandDialler.connect(node.address)));
      const ends = strangers.map(async (stranger) => {
        if (random.once(2)) {
          stranger.hello();
          await stranger.answer();
        }
        stranger.connection.send(random.bytes(1 + random.below(300)));
        stranger.connection.send(random.bytes(1 + random.below(300)));
        return stranger.recording.end();
      });
      for (const { code } of await Promise.all(ends)) expect(codes).toContain(code);
    }
    await good.works();
    expect(node.told).toEqual(["linked good"]);
    expect(node.faults("handshake-malformed") + node.faults("handshake-key")).toBe(100);
  });

  test("a message of more than a kilobyte is refused by its length alone", async () => {
    const node = TestNode.start("node");
    const { socket, state } = await rawSocket(node.address);
    socket.write(head(2, 1_025));
    await until(() => state.isOver, "it is closed");
    expect(node.faults("frame-too-large")).toBe(1);
    await (await HandDialler.linked(node.address, { identity: newIdentity("good") })).works();
  });

  test("a dialler takes no answer of more than four kilobytes", async () => {
    const stranger = new LinkEnd(newIdentity("stranger"));
    const answer = Buffer.alloc(4 * 1024 + 1);
    const { address } = stranger.listen({
      accept: (connection) => ({ frame: () => void connection.send(answer), closed() {} }),
    });
    const dialler = await HandDialler.connect(address);
    dialler.hello();
    expect((await dialler.recording.end()).code).toBe(CloseCode.TooLarge);
  });

  test("frames without end before the handshake end the connection", async () => {
    const node = TestNode.start("node");
    for (const opcode of [2, 9, 10]) {
      const { socket, state } = await rawSocket(node.address);
      socket.write(Buffer.concat(Array.from({ length: 100 }, () => head(opcode, 0))));
      await until(() => state.isOver, "it is closed");
    }
    expect(node.faults("too-many-frames")).toBe(3);
  });
});

describe("a dialler goes on only with whom it expects", () => {
  test("not with another key; it proves nothing to such a one", async () => {
    const fake = handAcceptor((recording, hello) => answerHello(recording, hello, { ...fake, key: wrongKey }));
    const error = await refusal(shakeHands(fake.address, "node"));
    expect(error).toBeInstanceOf(LinkRefused);
    expect(error).toMatchObject({ message: "it does not know the cluster key", isIdTaken: false });
    const [accepted] = fake.accepted;
    expect((await accepted?.end())?.code).toBe(CloseCode.Unauthorised);
    expect(accepted?.frames).toHaveLength(1);
  });

  test("not with somebody else, although it knows the key", async () => {
    const node = TestNode.start("other");
    const error = await refusal(shakeHands(node.address, "node"));
    expect(error).toMatchObject({ message: "it is other, and not node", isIdTaken: false });
    // The node has read all that came before this one's proof.
    await (await HandDialler.linked(node.address, { identity: newIdentity("later") })).works();
    expect(node.told).toEqual(["linked later"]);
  });

  test("not with one that answers with its own words: garbage, a packet, its hello, a name that is none", async () => {
    const answers: Parameters<typeof handAcceptor>[0][] = [
      ({ connection }) => void connection.send(Buffer.concat([Buffer.from([0xff]), random.bytes(100)])),
      ({ connection }) => void connection.send(request),
      ({ connection, frames }) => void connection.send(frames[0] ?? Buffer.alloc(1)),
      (recording, hello) => answerHello(recording, hello, { identity: newIdentity("no_de", "chat") }),
      (recording, hello) =>
        answerHello(recording, hello, { identity: { ...newIdentity("node", "chat"), incarnation: "" } }),
    ];
    for (const answer of answers) {
      const fake = handAcceptor(answer);
      const error = await refusal(shakeHands(fake.address, "node"));
      expect(error).toMatchObject({ message: "it is not a service of ours", isIdTaken: false });
      expect((await fake.accepted[0]?.end())?.code).toBe(CloseCode.ProtocolFault);
    }
  });

  test("not with one that changes what was proven", async () => {
    const changes: Parameters<typeof answerHello>[3][] = [
      { incarnation: "0123456789abcdef" },
      { serviceId: "another" },
      { nonce: systemRandom.bytes(32) },
      { proof: new Uint8Array(0) },
    ];
    for (const change of changes) {
      const fake = handAcceptor((recording, hello) => answerHello(recording, hello, fake, change));
      const error = await refusal(shakeHands(fake.address, "node"));
      expect(error).toMatchObject({ message: "it does not know the cluster key" });
    }
  });

  test("a proof that is sent back from another meeting is none", async () => {
    const seen: Uint8Array[] = [];
    const fake = handAcceptor((recording, hello) => {
      const [earlier] = seen;
      answerHello(recording, hello, fake, earlier === undefined ? {} : { proof: earlier });
      seen.push(
        linkProof(clusterKey, "accept", {
          dialler: { id: hello.ServiceId, service: hello.serviceName, incarnation: hello.incarnation },
          acceptor: fake.identity,
          diallerNonce: hello.nonce,
          acceptorNonce: new Uint8Array(32),
        }),
      );
    });
    await shakeHands(fake.address, "node");
    expect((await refusal(shakeHands(fake.address, "node"))).message).toBe("it does not know the cluster key");
  });

  test("the word that an id is taken counts only with a proof of it: a stranger ends no process", async () => {
    const taken = { Code: Status.Forbidden, Error: "your id is mine" };
    const holder = { identity: newIdentity("node", "chat") };
    const unproven = "it does not know the cluster key";
    const words: readonly [sentence: string, word: Parameters<typeof handAcceptor>[0]][] = [
      [unproven, (recording, hello) => answerHello(recording, hello, { ...holder, key: wrongKey }, taken)],
      // One that knows the key and has proven only that it would accept.
      [unproven, (recording, hello) => answerHello(recording, hello, { ...holder, side: "accept" }, taken)],
      [unproven, (recording, hello) => answerHello(recording, hello, holder, { ...taken, proof: new Uint8Array(0) })],
      [
        "it is not a service of ours",
        (recording, hello) => answerHello(recording, hello, holder, { ...taken, serviceId: "" }),
      ],
    ];
    for (const [message, word] of words) {
      const error = await refusal(shakeHands(handAcceptor(word).address, "node"));
      expect(error).toMatchObject({ name: "LinkRefused", message, isIdTaken: false });
    }
    const { address } = handAcceptor((recording, hello) => answerHello(recording, hello, holder, taken));
    const error = await refusal(shakeHands(address, "node"));
    expect(error).toMatchObject({ message: "your id is mine", isIdTaken: true });
  });

  test("one that closes instead of answering is an error with its reason, and no refusal", async () => {
    const fake = handAcceptor(({ connection }) => connection.close({ code: CloseCode.Leaving, text: "not now" }));
    const error = await refusal(shakeHands(fake.address, "node"));
    expect(error).not.toBeInstanceOf(LinkRefused);
    expect(error.message).toContain("1012 not now");
  });
});

describe("asking who is at an address", () => {
  const ask = (address: string, key = clusterKey, timers: Timers = handshakeTimers): Promise<string | undefined> =>
    whoAnswers(address, "node", { ...new LinkEnd(newIdentity("gate"), [key]).side, isProven: false, timers });

  test("gives the incarnation of who is expected there, and makes no link", async () => {
    const node = TestNode.start("node");
    expect(await ask(node.address)).toBe(node.identity.incarnation);
    const lone = new LinkEnd(newIdentity("node"));
    const { address } = lone.listen(new LinkListener({ ...lone.side, service: undefined }));
    expect(await ask(address)).toBe(lone.identity.incarnation);
  });

  test("gives nothing when nobody, somebody else or a stranger is there", async () => {
    expect(await ask(TestNode.start("other").address)).toBeUndefined();
    expect(await ask(TestNode.start("node").address, wrongKey)).toBeUndefined();
    const { address, server } = new LinkEnd(newIdentity("node")).listen({ accept: () => closeAbnormal });
    expect(await ask(address)).toBeUndefined();
    server.stopAccepting();
    expect(await ask(address)).toBeUndefined();
    expect(await ask("no address")).toBeUndefined();
  });

  test("gives nothing when who is there is silent", async () => {
    const { address } = new LinkEnd(newIdentity("node")).listen({ accept: (connection) => new Recording(connection) });
    const time = new ManualTimers();
    const asked = ask(address, clusterKey, time);
    await time.pass(999, 111);
    expect(await Promise.race([asked, "nothing yet"])).toBe("nothing yet");
    expect(await time.during(asked)).toBeUndefined();
  });
});

describe("in time", () => {
  /** One side of a connection that goes nowhere. */
  class StubConnection implements Connection {
    readonly remoteAddress = "stub";
    readonly unsentBytes = 0;
    frameBytesMax = 1;
    readonly outbound = Buffer.alloc(0);
    readonly sent: Uint8Array[] = [];
    readonly reasons: CloseReason[] = [];
    get isOpen(): boolean {
      return this.reasons.length === 0;
    }
    reserve(): number {
      return -1;
    }
    identified(): void {}
    handOver(): void {}
    unreserve(): void {}
    fail(bug: unknown): void {
      throw bug;
    }
    send(payload: Uint8Array): boolean {
      this.sent.push(payload);
      return true;
    }
    close(reason: CloseReason): void {
      this.reasons.push(reason);
    }
  }

  const nowhere: FrameHandler = { frame() {}, closed() {} };
  function accepting(): {
    readonly connection: StubConnection;
    readonly refused: string[];
    readonly it: AcceptingHandshake;
    readonly time: ManualTimers;
  } {
    const time = new ManualTimers();
    const connection = new StubConnection();
    const refused: string[] = [];
    const host = linkHost(
      () => nowhere,
      (kind) => void refused.push(kind),
    );
    return { connection, refused, it: new AcceptingHandshake(connection, { ...host, timers: time }), time };
  }

  test("an acceptor that hears nothing closes after three seconds, not before, and counts it once", () => {
    const { connection, refused, it, time } = accepting();
    time.advance(handshakeMsMax - 1);
    expect(connection.reasons).toEqual([]);
    time.advance(1);
    expect(connection.reasons.map(({ code }) => code)).toEqual([CloseCode.Limit]);
    expect(refused).toEqual(["late"]);
    it.closed();
    expect(time.pending).toBe(0);
  });

  test("a dialler that hears nothing gives up after three seconds, not before", async () => {
    const time = new ManualTimers();
    const connection = new StubConnection();
    const parts = {
      identity: newIdentity("gate"),
      clusterKeys: [clusterKey],
      ...systemRuntime,
      timers: time,
      expectedId: "node",
      address: "127.0.0.1:1",
      isProven: false,
    };
    const handshake = new DiallingHandshake(connection, parts, () => nowhere);
    const refused = refusal(handshake.met);
    time.advance(handshakeMsMax - 1);
    expect(connection.reasons).toEqual([]);
    time.advance(1);
    expect(connection.reasons.map(({ code }) => code)).toEqual([CloseCode.Limit]);
    expect((await refused).message).toBe("it did not answer the handshake in time");
    handshake.closed(closeAbnormal);
    expect(time.pending).toBe(0);
  });

  test("over TCP: silence, a trickle of bytes and a hello without proof are closed, a linked peer is not", async () => {
    const time = new ManualTimers();
    const node = TestNode.start("node", { timers: time });
    const good = await HandDialler.linked(node.address, { identity: newIdentity("good") });
    const silent = await HandDialler.connect(node.address);
    const unproven = await HandDialler.connect(node.address);
    const socket = createConnection({ host: "127.0.0.1", port: Number(node.address.split(":")[1]) });
    const trickle = { isOver: false };
    socket.on("close", () => (trickle.isOver = true));
    socket.on("error", () => (trickle.isOver = true));
    socket.resume();
    afterwards(() => void socket.destroy());
    // A byte now and then moves no deadline.
    const bytes = Buffer.alloc(5 + 1_000);
    writeFrameHeader(bytes, 0, 2, 1_000);
    let at = 0;
    const dripping = setInterval(() => void socket.write(bytes.subarray(at, ++at)), 1);
    afterwards(() => clearInterval(dripping));
    unproven.hello();
    await unproven.answer();
    await until(() => at > 10, "bytes trickle in");
    time.advance(handshakeMsMax - 1);
    await until(() => at > 20, "more of them");
    expect([silent, unproven].map(({ connection }) => connection.isOpen)).toEqual([true, true]);
    time.advance(1);
    for (const { recording } of [silent, unproven]) expect((await recording.end()).code).toBe(CloseCode.Limit);
    await until(() => trickle.isOver, "the trickle ends");
    expect(node.faults("handshake-late")).toBe(3);
    await good.works();
    expect(node.told).toEqual(["linked good"]);
  });
});
