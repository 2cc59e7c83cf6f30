// Tokens of an app with issuers: which key may verify what.

import { expect, test } from "bun:test";
import { SignJWT, UnsecuredJWT } from "jose";
import { createPublicKey } from "node:crypto";
import type { Issuer } from "../../src/auth/issuers.ts";
import { parseJwks, type PublicKey } from "../../src/auth/jwks.ts";
import { TokenVerifier } from "../../src/auth/token.ts";
import { issuedToken, jwksText, privateKey, publicJwk } from "../support/public-keys.ts";

const nowMs = 1_800_000_000_000;
const now = nowMs / 1000;
const url = "https://id.example.com/";
const common = new TextEncoder().encode("the key of all other apps");

const issuerOf = (keys: readonly unknown[], more: Partial<Issuer> = {}): Issuer => ({
  app: "shop",
  path: "/keys.json",
  issuer: url,
  audience: undefined,
  keys: parseJwks(jwksText(...keys), "keys.json").keys,
  ...more,
});
const threeKeys = [
  publicJwk("RS256", { kid: "r" }),
  publicJwk("ES256", { kid: "e" }),
  publicJwk("EdDSA", { kid: "o" }),
] as const;
const claims = { acc: "alice", app: "shop", iss: url, exp: now + 60 };

function verifierOf(...issuers: Issuer[]): TokenVerifier {
  return new TokenVerifier([common], () => nowMs, { issuers });
}

async function saying(verifier: TokenVerifier, token: string, charge?: () => void): Promise<string> {
  const verdict = await verifier.verify(token, charge);
  return verdict.ok ? `${verdict.app} ${verdict.account}` : verdict.reason;
}

const shop = verifierOf(issuerOf(threeKeys));
const wrongSignature = "the token's signature is wrong";
const noKey = "no key matches the app and the kid of this token";

test("a token of each algorithm is taken, with its kid and without", async () => {
  for (const [name, alg, kid] of [
    ["RS256", "RS256", "r"],
    ["ES256", "ES256", "e"],
    ["EdDSA", "EdDSA", "o"],
    ["EdDSA", "Ed25519", "o"],
  ] as const) {
    expect(await saying(shop, issuedToken(name, { alg, kid }, claims))).toBe("shop alice");
    expect(await saying(shop, issuedToken(name, { alg, typ: "JWT" }, claims))).toBe("shop alice");
    expect(await saying(shop, issuedToken(`${name} of a stranger`, { alg, kid }, claims))).toBe(wrongSignature);
    const [head, , signature] = issuedToken(name, { alg, kid }, claims).split(".");
    const forged = Buffer.from(JSON.stringify({ ...claims, acc: "bob" })).toString("base64url");
    expect(await saying(shop, `${head}.${forged}.${signature}`)).toBe(wrongSignature);
  }
});

test("the alg of a token chooses nothing: the type of the key does", async () => {
  const of = (name: string, alg: unknown, kid: string): Promise<string> =>
    saying(shop, issuedToken(name, { alg, kid }, claims));
  const unfit = "the token's alg does not fit the key";
  for (const alg of [
    "ES256",
    "EdDSA",
    "RS512",
    "PS256",
    "none",
    "rs256",
    "",
    "HS512",
    "constructor",
    null,
    {},
    ["RS256"],
  ])
    expect([alg, await of("RS256", alg, "r")]).toEqual([alg, unfit]);
  expect(await of("RS256", "HS256", "r")).toContain("must be signed by its issuer");
  expect(await saying(shop, new UnsecuredJWT(claims).encode())).toBe(unfit);
  // The text of a public key, in each form of it, is no secret: neither of the app nor of the others.
  const pem = createPublicKey(privateKey("RS256")).export({ format: "pem", type: "spki" });
  for (const text of [pem, jwksText(...threeKeys), JSON.stringify(threeKeys[0]), threeKeys[0]["n"]]) {
    const secret = new TextEncoder().encode(String(text));
    for (const app of ["shop", "bank", undefined]) {
      const token = await new SignJWT({ ...claims, app }).setProtectedHeader({ alg: "HS256", kid: "r" }).sign(secret);
      expect(await saying(shop, token)).not.toContain("alice");
    }
  }
});

test("an app with issuers takes no common secret, and its issuers speak for no other app", async () => {
  const bySecret = (app: string): Promise<string> =>
    new SignJWT({ ...claims, app }).setProtectedHeader({ alg: "HS256" }).sign(common);
  expect(await saying(shop, await bySecret("shop"))).toContain("must be signed by its issuer");
  expect(await saying(shop, await bySecret("bank"))).toBe("bank alice");
  const token = issuedToken("RS256", { alg: "RS256", kid: "r" }, { ...claims, app: "bank" });
  expect(await saying(shop, token)).toBe("the token must be signed with HS256");
});

test("an app may have secrets beside its issuers: each key verifies its own algorithm", async () => {
  const key = new TextEncoder().encode("the key of the shop alone");
  const both = new TokenVerifier([common], () => nowMs, {
    appKeys: [{ app: "shop", kid: "r", key }],
    issuers: [issuerOf(threeKeys)],
  });
  const bySecret = await new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "r" }).sign(key);
  expect(await saying(both, bySecret)).toBe("shop alice");
  expect(await saying(both, issuedToken("RS256", { alg: "RS256", kid: "r" }, claims))).toBe("shop alice");
  const withCommon = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(common);
  expect(await saying(both, withCommon)).toBe(wrongSignature);
});

test("a kid is compared as it is, whatever it holds", async () => {
  const kids = [
    "../../etc/passwd",
    "r/../r",
    "R",
    "r\u0000",
    "' OR 1=1 --",
    "__proto__",
    "toString",
    "k".repeat(5_000),
  ];
  for (const kid of [...kids, "", 1, null, ["r"], { r: 1 }])
    expect([kid, await saying(shop, issuedToken("RS256", { alg: "RS256", kid }, claims))]).toEqual([kid, noKey]);
  const long = issuedToken("RS256", { alg: "RS256", kid: "k".repeat(10_000) }, claims);
  expect(await saying(shop, long)).toBe("the token is too long");
  const odd = "' OR 1=1 -- ../小";
  const named = verifierOf(issuerOf([publicJwk("RS256", { kid: odd })]));
  expect(await saying(named, issuedToken("RS256", { alg: "RS256", kid: odd }, claims))).toBe("shop alice");
});

test("keys that a token's header carries or names are not looked at", async () => {
  const stranger = "RS256 of a stranger";
  const asked: string[] = [];
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch({ url: path }) {
      asked.push(path);
      return new Response(jwksText(publicJwk(stranger, { kid: "r" })));
    },
  });
  for (const header of [
    { jku: server.url.href },
    { x5u: server.url.href },
    { jwk: publicJwk(stranger) },
    { x5c: ["MIIB"], x5t: "a" },
    { kid: server.url.href },
  ])
    for (const kid of ["r", undefined])
      expect(await saying(shop, issuedToken(stranger, { alg: "RS256", kid, ...header }, claims))).not.toContain(
        "alice",
      );
  const harmless = { alg: "RS256", kid: "r", jku: server.url.href, jwk: publicJwk(stranger) };
  expect(await saying(shop, issuedToken("RS256", harmless, claims))).toBe("shop alice");
  expect(asked).toEqual([]);
});

test("a token that asks for an extension is refused", async () => {
  for (const crit of [["exp"], ["b64"], ["http://example.com/a"], [], "b64", null]) {
    const header = { alg: "RS256", kid: "r", crit, b64: true, exp: now, "http://example.com/a": 1 };
    expect(await saying(shop, issuedToken("RS256", header, claims))).toContain("an extension (crit)");
  }
});

test("the issuer is pinned, and so is the audience", async () => {
  const by = (verifier: TokenVerifier, more: Record<string, unknown>): Promise<string> =>
    saying(verifier, issuedToken("ES256", { alg: "ES256", kid: "e" }, { ...claims, ...more }));
  for (const iss of [
    "https://id.example.com",
    "HTTPS://id.example.com/",
    `${url}a`,
    "",
    1,
    [url],
    null,
    undefined,
    "__proto__",
  ])
    expect([iss, await by(shop, { iss })]).toEqual([iss, "the token's iss is not an issuer that this app has"]);
  for (const aud of ["roost", ["roost"], "", null])
    expect(await by(shop, { aud })).toBe("the token has an aud, and this app's issuer was given none");
  const roost = verifierOf(issuerOf(threeKeys, { audience: "roost" }));
  for (const aud of ["roost", ["other", "roost"]]) expect(await by(roost, { aud })).toBe("shop alice");
  for (const aud of [undefined, "Roost", ["other"], [], [["roost"]], { roost: 1 }, "roost "])
    expect([aud, await by(roost, { aud })]).toEqual([aud, "the token's aud is not the audience of this server"]);
});

test("two issuers of an app verify their own tokens only", async () => {
  const [old, next] = [
    issuerOf([publicJwk("RS256", { kid: "r" })]),
    issuerOf([publicJwk("ES256", { kid: "r" })], { issuer: "next" }),
  ];
  const both = verifierOf(old, next);
  const header = { alg: "ES256", kid: "r" };
  expect(await saying(both, issuedToken("ES256", header, { ...claims, iss: "next" }))).toBe("shop alice");
  expect(await saying(both, issuedToken("ES256", header, claims))).toContain("does not fit");
  expect(await saying(both, issuedToken("RS256", { ...header, alg: "RS256" }, claims))).toBe("shop alice");
});

test("exp, nbf and names count as for other tokens", async () => {
  const by = (more: Record<string, unknown>): Promise<string> =>
    saying(shop, issuedToken("EdDSA", { alg: "EdDSA", kid: "o" }, { ...claims, ...more }));
  expect(await by({ exp: now })).toBe("the token has expired");
  expect(await by({ exp: undefined })).toBe("the token has no exp");
  expect(await by({ exp: "later" })).toContain("exp must be a number");
  expect(await by({ nbf: now + 31 })).toContain("not valid yet");
  expect(await by({ nbf: now + 30 })).toBe("shop alice");
  expect(await by({ acc: "a,b" })).toContain("invalid acc");
  expect(await by({ acc: undefined, sub: "alice" })).toContain("invalid acc");
});

test("a claim of any JSON value is refused and is no bug, with a good signature and without one", async () => {
  // The operators of JavaScript call the first two, and throw.
  const values: readonly unknown[] = [
    { toString: 1 },
    { valueOf: 1, toString: {} },
    {},
    [],
    ["a"],
    [[]],
    "a",
    "",
    "1e400",
    true,
    false,
    null,
  ];
  for (const claim of ["exp", "iat", "nbf", "acc", "app", "iss"])
    for (const value of values) {
      if (claim === "acc" && value === "a") continue;
      const token = issuedToken("ES256", { alg: "ES256", kid: "e" }, { ...claims, [claim]: value });
      expect([claim, value, await saying(shop, token)]).not.toContain("shop alice");
      const unsigned = await saying(shop, `${token.slice(0, token.lastIndexOf("."))}.`);
      expect([claim, value, unsigned]).not.toContain("shop alice");
    }
  const number = "must be a number of seconds since 1970";
  for (const claim of ["exp", "iat"])
    for (const value of [{ toString: 1 }, "1e400", null])
      expect(await saying(shop, issuedToken("ES256", { alg: "ES256" }, { ...claims, [claim]: value }))).toBe(
        `the token's ${claim} ${number}`,
      );
});

test("a token without a kid is tried with four keys at most, and each beyond the first is charged", async () => {
  const set = (count: number) =>
    verifierOf(issuerOf(Array.from({ length: count }, (_, at) => publicJwk(`EdDSA ${at}`, { kid: `k${at}` }))));
  let charged = 0;
  const by = (verifier: TokenVerifier, name: string, kid?: string): Promise<string> =>
    saying(verifier, issuedToken(name, { alg: "EdDSA", kid }, claims), () => charged++);
  expect([await by(set(4), "EdDSA 0"), charged]).toEqual(["shop alice", 0]);
  expect([await by(set(4), "EdDSA 3"), charged]).toEqual(["shop alice", 3]);
  expect([await by(set(4), "EdDSA of a stranger"), charged]).toEqual([wrongSignature, 6]);
  expect([await by(set(5), "EdDSA 0"), charged]).toEqual([expect.stringContaining("no kid"), 6]);
  expect([await by(set(5), "EdDSA 4", "k4"), charged]).toEqual(["shop alice", 6]);
});

test("what can be refused without cryptography is", async () => {
  const counted = issuerOf(threeKeys);
  let looks = 0;
  const watched = (key: PublicKey): PublicKey => ({
    ...key,
    get key() {
      looks++;
      return key.key;
    },
  });
  const verifier = verifierOf({ ...counted, keys: counted.keys.map(({ kid, key }) => ({ kid, key: watched(key) })) });
  const by = (header: Record<string, unknown>, more: Record<string, unknown>): Promise<string> =>
    saying(verifier, issuedToken("RS256", { alg: "RS256", kid: "r", ...header }, { ...claims, ...more }));
  await by({}, { iss: "another" });
  await by({}, { aud: "another" });
  await by({}, { exp: now });
  await by({}, { acc: "" });
  await by({ kid: "another" }, {});
  await by({ alg: "ES256" }, {});
  expect(looks).toBe(0);
  expect([await by({}, {}), looks]).toEqual(["shop alice", 1]);
});

test("a key that stays is the same object after the keys were read again; another pin makes it another", async () => {
  const verifier = verifierOf(issuerOf(threeKeys));
  const verdict = await verifier.verify(issuedToken("RS256", { alg: "RS256", kid: "r" }, claims));
  if (!verdict.ok) throw new Error(verdict.reason);
  const replace = (...issuers: Issuer[]): boolean => {
    verifier.replaceKeys({ keys: [common], appKeys: [], issuers });
    return verifier.takes("shop", verdict.key);
  };
  const renamed = publicJwk("RS256", { kid: "of another name" });
  expect(replace(issuerOf([publicJwk("ES256"), renamed]))).toBe(true);
  expect(await saying(verifier, issuedToken("RS256", { alg: "RS256", kid: "r" }, claims))).toBe(noKey);
  expect(await saying(verifier, issuedToken("RS256", { alg: "RS256", kid: renamed["kid"] }, claims))).toBe(
    "shop alice",
  );
  expect(verifier.takes("bank", verdict.key)).toBe(false);
  expect(replace(issuerOf([publicJwk("ES256")]))).toBe(false);
  expect(replace(issuerOf(threeKeys, { audience: "roost" }))).toBe(false);
  expect(replace(issuerOf(threeKeys, { issuer: "another" }))).toBe(false);
  expect(replace(issuerOf(threeKeys, { app: "bank" }))).toBe(false);
  expect(replace()).toBe(false);
});
