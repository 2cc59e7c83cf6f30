// Links of processes with several keys, over TCP: who shares a key links, in whatever order each has its own; a program
// without hints links as far as its one key allows.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { hintedKey, keyHint, linkProof, provesLink } from "../../src/auth/link-proof.ts";
import { systemRandom } from "../../src/base/random.ts";
import type { Met } from "../../src/link/dialling-handshake.ts";
import { whoAnswers } from "../../src/link/who.ts";
import { closeAbnormal, CloseCode } from "../../src/wire/close-reason.ts";
import { Status } from "../../src/wire/gen/pkt_pb.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { answerHello, handAcceptor, HandDialler } from "./hand-handshake.ts";
import { closeAll, dialAs, LinkEnd, newIdentity, outcome, handshakeTimers } from "./support.ts";
import { TestNode } from "./test-node.ts";

const keyOf = (name: string): Uint8Array => new TextEncoder().encode(`the key ${name} of a cluster of tests`);
const [a, b, c] = [keyOf("A"), keyOf("B"), keyOf("C")];
const strangerSays = "it does not know the cluster key";

beforeEach(() => handshakeTimers.forget());
afterEach(async () => {
  await closeAll();
  await until(() => handshakeTimers.left(3_000) === 0, "no handshake's timer is left");
});

/** Each dialler has an id of its own. */
let dialled = 0;

/** Dials as a process with these keys does. */
const dial = (address: string, keys: readonly Uint8Array[], id = `gate-${++dialled}`): Promise<Met> =>
  dialAs(address, { id, keys });

const nodeWith = (...keys: readonly Uint8Array[]): TestNode => TestNode.start("node", {}, [...keys]);

/** A list of keys as its names; of the letters in that order. */
const keysOf = (names: string): Uint8Array[] => names.split("").map(keyOf);

describe("two processes with hints", () => {
  const lists = ["A", "B", "AB", "BA", "CA", "AC", "CBA", "ABC"];

  test("link if they share a key, in whatever order, and else are strangers", async () => {
    for (const accepting of lists) {
      const node = nodeWith(...keysOf(accepting));
      for (const dialling of lists) {
        const isShared = dialling.split("").some((name) => accepting.includes(name));
        const pair = `${dialling} to ${accepting}`;
        const met = await outcome(dial(node.address, keysOf(dialling)));
        expect(`${pair}: ${met}`).toBe(`${pair}: ${isShared ? "linked" : strangerSays}`);
      }
    }
  });

  test("link with 16 keys each of which the last one is shared", async () => {
    const many = (name: string): Uint8Array[] => Array.from({ length: 15 }, (_, at) => keyOf(`${name}${at}`));
    const node = nodeWith(...many("of the node "), a);
    expect(await outcome(dial(node.address, [...many("of the gateway "), a]))).toBe("linked");
    expect(await outcome(dial(node.address, many("of the gateway ")))).toBe(strangerSays);
  });

  test("find out which node is at an address, and refuse an id with a proof by the shared key", async () => {
    const node = nodeWith(b, a);
    const asker = (keys: readonly Uint8Array[]) => ({
      ...new LinkEnd(newIdentity("gate"), keys).side,
      isProven: false,
    });
    expect(await whoAnswers(node.address, "node", asker([c, a]))).toBe(node.identity.incarnation);
    expect(await whoAnswers(node.address, "node", asker([c]))).toBeUndefined();
    // A gateway under an id that is linked, and alive.
    const held = await HandDialler.linked(node.address, { identity: newIdentity("gate"), key: b });
    await held.works();
    const error: unknown = await dial(node.address, [c, a], "gate").catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "LinkRefused" });
    expect(String(error)).toContain("belongs to another process");
  });
});

describe("a program without hints", () => {
  test("links as a dialler while its key is the acceptor's first, and gets a proof by that key", async () => {
    for (const [keys, links] of [
      ["A", true],
      ["AB", true],
      ["BA", false],
    ] as const) {
      const old = await HandDialler.connect(nodeWith(...keysOf(keys)).address, { key: a });
      old.hello();
      const answer = await old.answer();
      expect([keys, provesLink(answer.proof, a, "accept", old.meeting(answer))]).toEqual([keys, links]);
      expect(provesLink(answer.proof, keysOf(keys)[0] ?? b, "accept", old.meeting(answer))).toBe(true);
    }
  });

  test("may prove any of the acceptor's keys", async () => {
    const node = nodeWith(a, b);
    for (const key of [a, b]) {
      const old = await HandDialler.connect(node.address, { key, identity: newIdentity(`gate-${key.length}`) });
      await old.shake();
      await old.works();
      old.connection.close(closeAbnormal);
      await old.recording.end();
    }
    const stranger = await HandDialler.connect(node.address, { key: c });
    await stranger.shake();
    expect((await stranger.recording.end()).code).toBe(CloseCode.Unauthorised);
  });

  test("links as an acceptor with each dialler that has its key at any place, which proves that key", async () => {
    for (const keys of ["A", "AB", "BA", "BCA"]) {
      // It looks at no hints.
      const old = handAcceptor((recording, hello) => answerHello(recording, hello, { identity: old.identity, key: a }));
      expect([keys, await outcome(dial(old.address, keysOf(keys)))]).toEqual([keys, "linked"]);
    }
    const old = handAcceptor((recording, hello) => answerHello(recording, hello, { identity: old.identity, key: a }));
    expect(await outcome(dial(old.address, [b, c]))).toBe(strangerSays);
  });
});

describe("a hello", () => {
  const nonce = systemRandom.bytes(32);
  const hints = (...keys: readonly Uint8Array[]): Uint8Array[] => keys.map((key) => keyHint(key, nonce));

  async function refused(node: TestNode, dialler: HandDialler, kind: string, code: number): Promise<void> {
    expect((await dialler.recording.end()).code).toBe(code);
    expect(node.faults(`handshake-${kind}`)).toBe(1);
    expect(node.told).toEqual([]);
  }

  const malformed: readonly [string, Uint8Array[]][] = [
    ["17 hints", Array.from({ length: 17 }, () => systemRandom.bytes(4))],
    ["an empty hint", [new Uint8Array(0)]],
    ["a hint of three bytes", [systemRandom.bytes(3)]],
    ["a good hint and one of five bytes", [...hints(a), systemRandom.bytes(5)]],
    ["a hint of 900 bytes", [systemRandom.bytes(900)]],
  ];
  test.each(malformed)("with %s is malformed", async (_, keys) => {
    const node = nodeWith(a, b);
    const bad = await HandDialler.connect(node.address, { key: a, nonce });
    bad.hello({ keys });
    await refused(node, bad, "malformed", CloseCode.ProtocolFault);
  });

  test("with 16 hints, of which one is right, is answered with that key", async () => {
    const node = nodeWith(b, a);
    const gate = await HandDialler.connect(node.address, { key: a, nonce });
    gate.hello({ keys: [...Array.from({ length: 15 }, () => systemRandom.bytes(4)), ...hints(a)] });
    const answer = await gate.answer();
    expect(provesLink(answer.proof, a, "accept", gate.meeting(answer))).toBe(true);
    gate.request({ proof: linkProof(a, "dial", gate.meeting(answer)) });
    await gate.works();
  });

  test("with hints that name nothing is answered with the first key, which is then the one to prove", async () => {
    const node = nodeWith(b, a);
    const gate = await HandDialler.connect(node.address, { key: a, nonce });
    gate.hello({ keys: [systemRandom.bytes(4)] });
    const answer = await gate.answer();
    expect(provesLink(answer.proof, b, "accept", gate.meeting(answer))).toBe(true);
    gate.request({ proof: linkProof(a, "dial", gate.meeting(answer)) });
    await refused(node, gate, "key", CloseCode.Unauthorised);
  });

  test("that claims a key which the peer does not have does not replace the proof", async () => {
    const node = nodeWith(a, b);
    // The hints are right; the peer knows only another key.
    const bad = await HandDialler.connect(node.address, { key: c, nonce });
    bad.hello({ keys: hints(a, b) });
    bad.request({ proof: linkProof(c, "dial", bad.meeting(await bad.answer())) });
    await refused(node, bad, "key", CloseCode.Unauthorised);
  });

  test("that names both keys is to be followed by a proof of the key that was chosen, not of the other", async () => {
    const node = nodeWith(a, b);
    const bad = await HandDialler.connect(node.address, { key: b, nonce });
    bad.hello({ keys: hints(b, a) });
    const answer = await bad.answer();
    expect(provesLink(answer.proof, a, "accept", bad.meeting(answer))).toBe(true);
    bad.request({ proof: linkProof(b, "dial", bad.meeting(answer)) });
    await refused(node, bad, "key", CloseCode.Unauthorised);
  });

  test("that is repeated with its hints and its proof is refused: the other nonce is new", async () => {
    const node = nodeWith(a, b);
    const identity = newIdentity("gate");
    const overheard = await HandDialler.connect(node.address, { identity, key: b, nonce });
    overheard.hello({ keys: hints(b) });
    const proof = linkProof(b, "dial", overheard.meeting(await overheard.answer()));
    overheard.connection.close(closeAbnormal);
    await overheard.recording.end();
    const bad = await HandDialler.connect(node.address, { identity, key: b, nonce });
    bad.hello({ keys: hints(b) });
    await bad.answer();
    bad.request({ proof });
    await refused(node, bad, "key", CloseCode.Unauthorised);
  });

  test("of a process with 16 keys and the longest names fits the bound of a message", async () => {
    const identity = { id: "i".repeat(40), service: "gateway", incarnation: "9".repeat(40) };
    const node = nodeWith(...Array.from({ length: 15 }, (_, at) => keyOf(`N${at}`)), a);
    const gate = await HandDialler.connect(node.address, { identity, key: a, nonce });
    gate.hello({ keys: hints(...Array.from({ length: 15 }, (_, at) => keyOf(`D${at}`)), a) });
    gate.request({ proof: linkProof(a, "dial", gate.meeting(await gate.answer())) });
    await gate.works();
  });
});

describe("a dialler with two keys", () => {
  const refusals: readonly [
    number,
    "refuse" | "contest",
    { readonly isIdTaken: boolean; readonly isContested: boolean },
  ][] = [
    [Status.Forbidden, "refuse", { isIdTaken: true, isContested: false }],
    [Status.ServiceUnavailable, "contest", { isIdTaken: true, isContested: true }],
  ];
  test.each(refusals)("believes the refusal %d that either key proves, and no other", async (Code, side, flags) => {
    for (const key of [a, b, c]) {
      const identity = newIdentity("node", "chat");
      const { address } = handAcceptor((recording, hello) =>
        answerHello(recording, hello, { identity, key, side }, { Code, Error: "your id is mine" }),
      );
      const error: unknown = await dial(address, [a, b]).catch((reason: unknown) => reason);
      if (key === c) expect(error).toMatchObject({ message: strangerSays, isIdTaken: false });
      else expect(error).toMatchObject({ message: "your id is mine", ...flags });
    }
  });

  test("takes a proof of the wrong side or of another meeting by neither key", async () => {
    for (const key of [a, b]) {
      for (const change of [{ side: "dial" as const }, { side: "refuse" as const }]) {
        const fake = handAcceptor((recording, hello) =>
          answerHello(recording, hello, { identity: fake.identity, key, ...change }),
        );
        expect(await outcome(dial(fake.address, [a, b]))).toBe(strangerSays);
      }
      const fake = handAcceptor((recording, hello) =>
        answerHello(recording, hello, { identity: fake.identity, key }, { nonce: systemRandom.bytes(32) }),
      );
      expect(await outcome(dial(fake.address, [a, b]))).toBe(strangerSays);
    }
  });
});

describe("a hint", () => {
  test("stays what it is: the beginning of an HMAC over a label and the nonce", () => {
    const hint = keyHint(a, Buffer.alloc(32, 1));
    const whole = new Bun.CryptoHasher("sha256", a).update("roost link key 1\n").update(Buffer.alloc(32, 1)).digest();
    expect(hint.toString("hex")).toBe(Buffer.from(whole.subarray(0, 4)).toString("hex"));
  });

  test("differs with the key and the nonce, and names the acceptor's first key that it fits", () => {
    const random = new Random(testSeed("key hints"));
    const seen = new Set<string>();
    for (let round = 0; round < 100; round++) {
      const nonce = random.bytes(32);
      for (const key of [a, b, c]) seen.add(keyHint(key, nonce).toString("hex"));
      expect(hintedKey([a, b, c], [keyHint(c, nonce), keyHint(b, nonce)], nonce)).toBe(b);
      expect(hintedKey([a], [keyHint(b, nonce), keyHint(a, random.bytes(32))], nonce)).toBeUndefined();
      expect(hintedKey([a, b], [], nonce)).toBeUndefined();
    }
    // Of 300 values of 32 bits two are the same once in a hundred thousand runs.
    expect(seen.size).toBe(300);
  });
});
