import { expect, test } from "bun:test";
import { parseJwks } from "../../src/auth/jwks.ts";
import { jwksText, privateJwk, publicJwk } from "../support/public-keys.ts";

const parsed = (...keys: readonly unknown[]) => parseJwks(jwksText(...keys), "keys.json");
const faultOf = (text: string): string => {
  try {
    parseJwks(text, "keys.json");
    return "accepted";
  } catch (error) {
    return error instanceof Error ? error.message : "";
  }
};

test("the type of a key fixes what it verifies", () => {
  const set = parsed(
    publicJwk("RS256", { kid: "r", use: "sig", alg: "RS256", x5c: ["MIIC…"], "x-of-an-issuer": { a: 1 } }),
    publicJwk("ES256", { kid: "e", key_ops: ["verify"] }),
    publicJwk("EdDSA", { kid: "o", alg: "Ed25519" }),
    publicJwk("EdDSA second"),
  );
  expect(set.skipped).toEqual([]);
  expect(set.keys.map(({ kid, key }) => [kid, ...key.algorithms])).toEqual([
    ["r", "RS256"],
    ["e", "ES256"],
    ["o", "EdDSA", "Ed25519"],
    [undefined, "EdDSA", "Ed25519"],
  ]);
  expect(new Set(set.keys.map(({ key }) => key.digest)).size).toBe(4);
});

test("keys that verify no tokens are skipped with a reason, as an issuer publishes them beside the others", () => {
  const set = parsed(
    publicJwk("RS256", { use: "enc", alg: "RSA-OAEP" }),
    publicJwk("RS256", { key_ops: ["encrypt"] }),
    publicJwk("RS256", { alg: "PS256" }),
    publicJwk("RS256", { alg: "HS256" }),
    publicJwk("ES384"),
    { kty: "OKP", crv: "X25519", x: "a" },
    { kty: "AKP", alg: "ML-DSA-44", pub: "a" },
    { kty: "k".repeat(10_000) },
    publicJwk("ES256"),
  );
  expect(set.keys).toHaveLength(1);
  expect(set.skipped.map((sentence) => sentence.slice(0, 80))).toEqual([
    'keys[0]: not for signatures: use is "enc"',
    "keys[1]: not for signatures: key_ops has no verify",
    'keys[2]: unsupported alg "PS256"; supported: RS256',
    'keys[3]: unsupported alg "HS256"; supported: RS256',
    'keys[4]: unsupported curve (crv) "P-384"',
    'keys[5]: unsupported curve (crv) "X25519"',
    'keys[6]: unknown type of key (kty) "AKP"',
    `keys[7]: unknown type of key (kty) "${"k".repeat(40)}"`,
  ]);
});

test("a set with a secret in it is refused, and the secret is not shown", () => {
  const secret = Buffer.from("a secret of thirty-two characters").toString("base64url");
  expect(faultOf(jwksText(publicJwk("ES256"), { kty: "oct", k: secret, kid: "a" }))).toBe(
    "keys.json: keys[1]: a symmetric key (oct) is a secret and belongs in the secret file, as [app kid] key; " +
      "remove it here",
  );
  for (const name of ["RS256", "ES256", "EdDSA", "ES384"]) {
    const jwk = privateJwk(name);
    expect([name, faultOf(jwksText(jwk))]).toEqual([name, expect.stringContaining("a part of a private key")]);
    expect(faultOf(jwksText(jwk))).not.toContain(String(jwk["d"]));
  }
  // The file is on its way to others, whose types of keys may be more.
  const foreign = jwksText(publicJwk("ES256"), { kty: "AKP", alg: "ML-DSA-44", pub: "a", priv: "b" });
  expect(faultOf(foreign)).toContain("keys[1].priv: a part of a private key");
  for (const kty of ["of the future", "__proto__", "constructor"])
    expect(faultOf(jwksText(publicJwk("ES256"), { kty, p: "a", q: "b" }))).toBe("accepted");
  const { d: _, ...withFactors } = privateJwk("RS256");
  expect(faultOf(jwksText(withFactors))).toContain("keys[0].p: a part of a private key");
});

test("weak and malformed keys are refused with their place", () => {
  const rsa = (members: Record<string, unknown>): string => faultOf(jwksText(publicJwk("RS256", members)));
  const p256 = (members: Record<string, unknown>): string => faultOf(jwksText(publicJwk("ES256", members)));
  const ed25519 = (members: Record<string, unknown>): string => faultOf(jwksText(publicJwk("EdDSA", members)));
  const bytes = (count: number): string => Buffer.alloc(count, 0xff).toString("base64url");
  expect(faultOf(jwksText(publicJwk("RS1024")))).toContain("an RSA key of 1024 bits; expected 2048 to 4096");
  // Zeros at the beginning make a key no longer.
  expect(rsa({ n: Buffer.concat([Buffer.alloc(200), Buffer.alloc(64, 1)]).toString("base64url") })).toContain(
    "505 bits",
  );
  expect(rsa({ n: bytes(513) })).toContain("4104 bits");
  expect(rsa({ n: bytes(100_000) })).toContain("800000 bits");
  for (const n of [undefined, 1, "", "+/", "a b", null]) expect(rsa({ n })).toContain("keys[0].n: expected base64url");
  for (const e of ["AA", "AQ", "Ag", "AQAC", bytes(5)])
    expect([e, rsa({ e })]).toEqual([e, expect.stringContaining("keys[0].e: expected an odd")]);
  expect(p256({ x: bytes(32) })).toContain("not a valid EC key");
  for (const x of [bytes(31), bytes(33), "AA"]) expect(p256({ x })).toContain("keys[0].x: expected 32 bytes");
  for (const x of [bytes(31), bytes(57), undefined]) expect(ed25519({ x })).toContain("keys[0].x: expected");
  for (const kid of ["", 1, null, {}, "k".repeat(257)])
    expect(rsa({ kid })).toContain("keys[0].kid: expected 1 to 256");
  expect(rsa({ kid: "k".repeat(256) })).toBe("accepted");
  expect(rsa({ kty: 1 })).toContain("keys[0].kty: expected the type");
});

test("keys that anybody can sign for are refused", () => {
  const orderEight = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
  const negative = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
  const ends = ["ec", "ed", "ee"].map((first) => `${first}${"ff".repeat(30)}7f`);
  // Zeros, as in a template, are a point of order 4.
  for (const hex of ["00".repeat(32), `01${"00".repeat(31)}`, orderEight, negative, ...ends])
    for (const sign of [0, 0x80]) {
      const bytes = Buffer.from(hex, "hex");
      bytes[31] = (bytes[31] ?? 0) | sign;
      const x = bytes.toString("base64url");
      expect([hex, sign, faultOf(jwksText({ kty: "OKP", crv: "Ed25519", x }))]).toEqual([
        hex,
        sign,
        expect.stringContaining("keys[0].x: not a public key: signatures for it verify without a private one"),
      ]);
    }
  const even = Buffer.concat([Buffer.alloc(255, 0xf1), Buffer.of(2)]).toString("base64url");
  expect(faultOf(jwksText(publicJwk("RS256", { n: even })))).toContain("keys[0].n: expected an odd number");
});

test("two keys with one kid are refused; keys that are skipped have none", () => {
  const [one, two] = [publicJwk("ES256", { kid: "a" }), publicJwk("EdDSA", { kid: "a" })];
  expect(faultOf(jwksText(one, two))).toContain("keys[1].kid: another key has the same kid");
  expect(faultOf(jwksText(one, { ...two, use: "enc" }))).toBe("accepted");
});

test("a set without keys that verify, with too many, or of another shape is refused", () => {
  expect(faultOf(jwksText())).toContain("no key verifies tokens");
  expect(faultOf(jwksText(publicJwk("ES384")))).toContain("no key verifies tokens");
  const many = (count: number): string => jwksText(...Array.from({ length: count }, () => publicJwk("EdDSA")));
  expect([faultOf(many(64)), faultOf(many(65))]).toEqual(["accepted", "keys.json: keys: expected at most 64 elements"]);
  for (const text of ["", "{", "null", "[]", "1", '"a"', "{}", JSON.stringify(publicJwk("ES256"))])
    expect([text, faultOf(text)]).toEqual([text, expect.stringContaining("keys.json: expected")]);
  for (const text of ['{"keys":{}}', '{"keys":null}']) expect(faultOf(text)).toContain("keys: expected a list");
  for (const key of [null, [], 1, "a"]) expect(faultOf(jwksText(key))).toContain("keys[0]: expected an object");
  expect(faultOf('{"__proto__":{"keys":[]}}')).toContain("expected a JSON Web Key Set");
  expect(faultOf("[".repeat(500_000))).toContain("expected JSON");
});
