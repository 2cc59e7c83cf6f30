// The proof of an entry in the registry: what it covers, and with which keys it is believed.

import { describe, expect, test } from "bun:test";
import { type InstanceStatement, judgeProof, proofKey, withProof } from "../../src/auth/instance-proof.ts";
import { registryToken } from "../../src/auth/registry-token.ts";
import { Random, testSeed } from "../support/random.ts";

const random = new Random(testSeed("instance proofs"));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const [a, b, c] = [bytes("key a of this cluster"), bytes("key b of this cluster"), bytes("key c of another one")];

const statement: InstanceStatement = {
  env: "prod",
  zone: "z1",
  service: "wgateway",
  id: "gate-1",
  addrs: ["ws://10.0.0.5:8000"],
  metadata: new Map(
    Object.entries({
      ...{
        protocol: "ws",
        domain: "wss://gate.example",
        "tag.IDC": "fra",
        id: "gate-1",
        incarnation: "00aa11bb22cc33dd",
      },
      state: "adult",
      zone: "z1",
      version: "0.1.0",
      link: "10.0.0.5:7000",
      keys: "f1,f2",
      sessions: "0".repeat(32),
      "sessions-at": "redis://r",
      messages: "1".repeat(32),
      "messages-at": "here",
    }),
  ),
};

const proven = (keys: readonly Uint8Array[], said = statement): InstanceStatement => ({
  ...said,
  metadata: withProof(said, keys),
});
const withEntry = (said: InstanceStatement, key: string, value: string): InstanceStatement => ({
  ...said,
  metadata: new Map([...said.metadata, [key, value]]),
});

test("stays what it is: another implementation of the description gives these bytes", () => {
  const said: InstanceStatement = {
    env: "e",
    zone: "z",
    service: "chat",
    id: "chat-1",
    addrs: ["tcp://h:1", "tcp://h:2"],
    metadata: new Map([
      ["state", "young"],
      ["link", "h:1"],
      ["weight", "7"],
    ]),
  };
  const fields = [
    "roost instance 1",
    "e",
    "z",
    "chat",
    "chat-1",
    "2",
    "tcp://h:1",
    "tcp://h:2",
    "link",
    "h:1",
    "state",
    "young",
  ];
  const hmac = new Bun.CryptoHasher("sha256", a);
  for (const field of fields) hmac.update(Buffer.from([0, 0, 0, field.length])).update(field);
  const whole = Buffer.from(hmac.digest());
  expect(withProof(said, [a]).get(proofKey)).toBe(whole.subarray(0, 16).toString("base64url"));
});

test("keeps the other entries as they are", () => {
  const { metadata } = proven([a]);
  expect(Object.fromEntries(metadata)).toMatchObject(Object.fromEntries(statement.metadata));
  expect(metadata.size).toBe(statement.metadata.size + 1);
});

describe("an entry is believed", () => {
  test("with one key of several on either side, in whatever order, and by nobody who shares none", () => {
    for (const keys of [[a], [a, b], [b, a], [c, a]]) {
      expect(judgeProof(proven(keys), [a])).toBe("proven");
      expect(judgeProof(proven([a]), keys)).toBe("proven");
    }
    expect(judgeProof(proven([a, b]), [c])).toBe("wrong");
    expect(judgeProof(proven([c]), [a, b])).toBe("wrong");
    expect(judgeProof(proven([a]), [])).toBe("wrong");
  });

  test("with sixteen keys on both sides that share the last one only", () => {
    const many = (): Uint8Array[] => Array.from({ length: 15 }, () => random.bytes(32));
    expect(judgeProof(proven([...many(), a]), [...many(), a])).toBe("proven");
  });

  test("whatever operators and the registry set beside it", () => {
    for (const key of ["weight", "health", "health_url", "color", "cluster"])
      expect(judgeProof(withEntry(proven([a]), key, "1"), [a])).toBe("proven");
  });

  test("when a registry has split an address at its comma, and in whatever order it gives the metadata", () => {
    const said = proven([a], { ...statement, addrs: ["ws://10.0.0.5:8000/a,b"] });
    const split = { ...said, addrs: ["ws://10.0.0.5:8000/a", "b"], metadata: new Map([...said.metadata].toReversed()) };
    expect(judgeProof(split, [a])).toBe("proven");
  });
});

describe("an entry is not believed", () => {
  test("without a proof, which is distinguished from a wrong one", () => {
    expect(judgeProof(statement, [a])).toBe("absent");
    expect(judgeProof(withEntry(statement, proofKey, ""), [a])).toBe("absent");
  });

  test("in another environment or zone, under another service or id, and with other addresses", () => {
    const said = proven([a]);
    const others: InstanceStatement[] = [
      { ...said, env: "dev" },
      { ...said, zone: "z2" },
      { ...said, service: "tgateway" },
      { ...said, id: "gate-2" },
      { ...said, addrs: ["ws://evil.example"] },
      { ...said, addrs: [...said.addrs, "ws://evil.example"] },
      { ...said, addrs: [] },
    ];
    expect(others.map((other) => judgeProof(other, [a]))).toEqual(others.map(() => "wrong"));
  });

  test("when any entry that others act on is changed, added or taken away", () => {
    const said = proven([a]);
    for (const [key, value] of statement.metadata) {
      const rest = new Map([...said.metadata].filter(([name]) => name !== key));
      expect([key, judgeProof(withEntry(said, key, `${value}x`), [a])]).toEqual([key, "wrong"]);
      expect([key, judgeProof({ ...said, metadata: rest }, [a])]).toEqual([key, "wrong"]);
    }
    expect(judgeProof(withEntry(said, "tag.ZONE", "x"), [a])).toBe("wrong");
  });

  test("with the proof of another incarnation of itself", () => {
    const other = proven([a], withEntry(statement, "incarnation", "ffee99dd88cc77bb"));
    const said = withEntry(proven([a]), proofKey, other.metadata.get(proofKey) ?? "");
    expect(judgeProof(said, [a])).toBe("wrong");
  });

  test("when a character moves from one field into its neighbour", () => {
    const said = proven([a]);
    expect(judgeProof({ ...said, env: "pro", zone: "dz1" }, [a])).toBe("wrong");
    expect(judgeProof({ ...said, service: "wgatewa", id: "ygate-1" }, [a])).toBe("wrong");
  });

  test("with half a proof, one bit of it changed, proofs without end, or what is no base64", () => {
    const right = proven([a]).metadata.get(proofKey) ?? "";
    const flipped = Buffer.from(right, "base64url").map((byte, at) => (at === 7 ? byte ^ 1 : byte));
    const wrong = [
      ...[right.slice(0, 10), Buffer.from(flipped).toString("base64url"), ",", "?", "=".repeat(22)],
      ...[registryToken(a), `${"A".repeat(22)},`.repeat(100_000) + right],
    ];
    for (const text of wrong) expect(judgeProof(withEntry(statement, proofKey, text), [a])).toBe("wrong");
    expect(judgeProof(withEntry(statement, proofKey, `${"A".repeat(22)},${right}`), [a])).toBe("proven");
  });
});
