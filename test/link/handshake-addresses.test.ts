// The proofs of a handshake cover where the two meet: a stranger that lists a node at an address of its own and
// passes on what both sides say gets no link, whatever it changes on the way. Programs of the former release, whose
// proofs do not cover it, link.

import { afterEach, describe, expect, test } from "bun:test";
import { type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { isMarked, linkProof, markNonce } from "../../src/auth/link-proof.ts";
import { systemRandom } from "../../src/base/random.ts";
import { whoAnswers } from "../../src/link/who.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import {
  type InnerHandshakeReq,
  type InnerHandshakeReqSchema,
  type InnerHandshakeResponse,
  InnerHandshakeResponseSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { LinkProxy } from "../support/link-proxy.ts";
import { afterwards, closeAll, clusterKey, dialAs, LinkEnd, newIdentity, outcome } from "./support.ts";
import { answerHello, handAcceptor, HandDialler } from "./hand-handshake.ts";
import { TestNode } from "./test-node.ts";

afterEach(closeAll);

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

/** A way to a node that changes nothing; returns its address. */
async function relay(target: string): Promise<string> {
  const [port = 0] = await freePorts(1);
  const proxy = await LinkProxy.start(port, portOf(target));
  afterwards(() => proxy.stop());
  return `127.0.0.1:${port}`;
}

/** A way to a node that changes what both say, as it pleases. */
function forgingRelay(
  target: string,
  changed: {
    readonly hello?: (hello: InnerHandshakeReq, node: string) => MessageInitShape<typeof InnerHandshakeReqSchema>;
    readonly answer?: (relay: string) => Pick<InnerHandshakeResponse, "address">;
  },
): string {
  const fake = handAcceptor((recording, hello) => {
    void (async () => {
      const far = await HandDialler.connect(target);
      far.request({ ...hello, ...changed.hello?.(hello, target) });
      const answer = await far.answer();
      const passed = { ...answer, ...changed.answer?.(fake.address) };
      recording.connection.send(toBinary(InnerHandshakeResponseSchema, passed));
    })();
  });
  return fake.address;
}

describe("through a stranger between the two", () => {
  test("no link stands, and the dialler says where it was and where the node takes links", async () => {
    const node = TestNode.start("node");
    const between = await relay(node.address);
    expect(await outcome(dialAs(between))).toBe(
      `node takes links at ${node.address} and not at ${between}: its entry in the registry is old or forged`,
    );
    expect(node.told).toEqual([]);
    expect(await outcome(dialAs(node.address))).toBe("linked");
  });

  const forgeries: Record<string, Parameters<typeof forgingRelay>[1]> = {
    "says that the node advertises the relay's address": { answer: (relayed) => ({ address: relayed }) },
    "says that the node's address was dialled": { hello: (_, node) => ({ address: node }) },
    "passes for a dialler of the former release": {
      hello: ({ nonce }) => ({ nonce: unmarked(nonce), address: "" }),
    },
    "passes for an acceptor of the former release": {
      hello: ({ nonce }) => ({ nonce: unmarked(nonce), address: "" }),
      answer: () => ({ address: "" }),
    },
  };
  test.each(Object.entries(forgeries))("no link stands if it %s", async (_, forgery) => {
    const node = TestNode.start("node");
    expect(await outcome(dialAs(forgingRelay(node.address, forgery)))).toBe("it does not know the cluster key");
    expect(node.told).toEqual([]);
  });

  test("a relay to this very id ends no process", async () => {
    const node = TestNode.start("node");
    const asker = { ...new LinkEnd(newIdentity("node", "chat")).side, isProven: false };
    expect(await whoAnswers(await relay(node.address), "node", asker)).toBeUndefined();
    expect(await whoAnswers(node.address, "node", asker)).toBe(node.identity.incarnation);
  });

  test("a node ends a connection whose dialler has proven that it dialled another address, and counts it", async () => {
    const node = TestNode.start("node");
    const nonce = markNonce(Uint8Array.from(systemRandom.bytes(32)));
    const gate = await HandDialler.connect(node.address, { nonce });
    gate.hello({ address: "127.0.0.1:1" });
    const answer = await gate.answer();
    const addresses = { dialled: "127.0.0.1:1", advertised: answer.address };
    gate.request({ proof: linkProof(clusterKey, "dial", { ...gate.meeting(answer), addresses }) });
    expect((await gate.recording.end()).code).toBe(CloseCode.ProtocolFault);
    expect(node.faults("handshake-address")).toBe(1);
    expect(node.told).toEqual([]);
  });
});

describe("with a program of the former release", () => {
  test("as a dialler a link stands", async () => {
    const node = TestNode.start("node");
    await HandDialler.linked(node.address);
    expect(node.told).toEqual(["linked gate"]);
  });

  test("as an acceptor a link stands", async () => {
    const fake = handAcceptor((recording, hello) => answerHello(recording, hello, fake));
    expect(await outcome(dialAs(fake.address))).toBe("linked");
  });

  test("as an acceptor is refused if its entry has a proof, which such a program does not make", async () => {
    const fake = handAcceptor((recording, hello) => answerHello(recording, hello, fake));
    expect(await outcome(dialAs(fake.address, { isProven: true }))).toStartWith(
      "it proves no address, although its entry in the registry has a proof",
    );
    expect(await outcome(dialAs(TestNode.start("node").address, { isProven: true }))).toBe("linked");
  });
});

describe("a hello", () => {
  test("that marks its nonce says an address, and no other one says any", async () => {
    const node = TestNode.start("node");
    const marked = markNonce(Uint8Array.from(systemRandom.bytes(32)));
    const wrong: MessageInitShape<typeof InnerHandshakeReqSchema>[] = [
      { nonce: marked },
      { nonce: marked, address: "127.0.0.1:1 " },
      { nonce: marked, address: "a".repeat(301) },
      { address: node.address },
    ];
    for (const hello of wrong) {
      const gate = await HandDialler.connect(node.address);
      gate.hello(hello);
      expect((await gate.recording.end()).code).toBe(CloseCode.ProtocolFault);
    }
    expect(node.faults("handshake-malformed")).toBe(wrong.length);
  });

  test("with sixteen keys, the longest names and address fits into the bound of a handshake's message", async () => {
    const keys = Array.from({ length: 16 }, () => systemRandom.bytes(32));
    const long = `${"a".repeat(294)}:65535`;
    const node = TestNode.start("node", {}, keys);
    // It is read whole, or it would be refused as too long or malformed.
    expect(await outcome(dialAs(node.address, { keys, listed: long }))).toContain(`and not at ${long}`);
  });
});

function unmarked(nonce: Uint8Array): Uint8Array<ArrayBuffer> {
  const other = Uint8Array.from(nonce);
  other.fill(0, -8);
  expect([isMarked(nonce), isMarked(other)]).toEqual([true, false]);
  return other;
}
