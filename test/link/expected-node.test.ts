// A dialler proves itself only to the node that it expects, and learns which node is at an address without a link.

import { describe, expect, test } from "bun:test";
import { linkProof } from "../../src/auth/link-proof.ts";
import { systemRandom } from "../../src/base/random.ts";
import { LinkRefused } from "../../src/link/dialling-handshake.ts";
import { LinkListener } from "../../src/link/link-listener.ts";
import { whoAnswers } from "../../src/link/who.ts";
import { CloseCode, closeAbnormal } from "../../src/wire/close-reason.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { Recording } from "../transport/recording.ts";
import { answerHello, HandDialler, handAcceptor } from "./hand-handshake.ts";
import { clusterKey, LinkEnd, newIdentity, wrongKey, handshakeTimers } from "./support.ts";
import { TestNode } from "./test-node.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import type { Timers } from "../../src/base/timers.ts";
import { random, request, shakeHands, refusal } from "./handshake-support.ts";
import { watchHandshakes } from "./handshake-support.ts";

watchHandshakes();

describe("a dialler goes on only with whom it expects", () => {
  test("not with a node that has another key, to which it proves nothing", async () => {
    const fake = handAcceptor((recording, hello) => answerHello(recording, hello, { ...fake, key: wrongKey }));
    const error = await refusal(shakeHands(fake.address, "node"));
    expect(error).toBeInstanceOf(LinkRefused);
    expect(error).toMatchObject({ message: "it does not know the cluster key", isIdTaken: false });
    const [accepted] = fake.accepted;
    expect((await accepted?.end())?.code).toBe(CloseCode.Unauthorised);
    expect(accepted?.frames).toHaveLength(1);
  });

  test("not with a node of another id, although it knows the key", async () => {
    const node = TestNode.start("other");
    const error = await refusal(shakeHands(node.address, "node"));
    expect(error).toMatchObject({ message: "it is other, and not node", isIdTaken: false });
    // The node has read all that came before this one's proof.
    await (await HandDialler.linked(node.address, { identity: newIdentity("later") })).works();
    expect(node.told).toEqual(["linked later"]);
  });

  test("not with one that answers with its own words: garbage, a packet, its hello, an invalid name", async () => {
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

  test("a proof that is sent back from another meeting is refused", async () => {
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

describe("asking which node is at an address", () => {
  const ask = (address: string, key = clusterKey, timers: Timers = handshakeTimers): Promise<string | undefined> =>
    whoAnswers(address, "node", { ...new LinkEnd(newIdentity("gate"), [key]).side, isProven: false, timers });

  test("gives the incarnation of the expected node, and makes no link", async () => {
    const node = TestNode.start("node");
    expect(await ask(node.address)).toBe(node.identity.incarnation);
    const lone = new LinkEnd(newIdentity("node"));
    const { address } = lone.listen(new LinkListener({ ...lone.side, service: undefined }));
    expect(await ask(address)).toBe(lone.identity.incarnation);
  });

  test("gives nothing when nobody, another node or a stranger is there", async () => {
    expect(await ask(TestNode.start("other").address)).toBeUndefined();
    expect(await ask(TestNode.start("node").address, wrongKey)).toBeUndefined();
    const { address, server } = new LinkEnd(newIdentity("node")).listen({ accept: () => closeAbnormal });
    expect(await ask(address)).toBeUndefined();
    server.stopAccepting();
    expect(await ask(address)).toBeUndefined();
    expect(await ask("no address")).toBeUndefined();
  });

  test("gives nothing when the node there is silent", async () => {
    const { address } = new LinkEnd(newIdentity("node")).listen({ accept: (connection) => new Recording(connection) });
    const time = new ManualTimers();
    const asked = ask(address, clusterKey, time);
    await time.pass(999, 111);
    expect(await Promise.race([asked, "nothing yet"])).toBe("nothing yet");
    expect(await time.during(asked)).toBeUndefined();
  });
});
