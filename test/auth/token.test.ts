import { expect, test } from "bun:test";
import { generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { signToken, TokenVerifier } from "../../src/auth/token.ts";

const key = new TextEncoder().encode("the key that these tests sign with");
const otherKey = new TextEncoder().encode("a key of somebody else, as long");
const nowMs = 1_800_000_000_000;
const now = nowMs / 1000;
const verifier = new TokenVerifier([key], () => nowMs);

const sign = (claims: Record<string, unknown>, signedWith = key, alg = "HS256"): Promise<string> =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(signedWith);

async function reasonOf(token: string): Promise<string> {
  const verdict = await verifier.verify(token);
  return verdict.ok ? "accepted" : verdict.reason;
}

test("a good token names app, account and end", async () => {
  const token = await signToken(key, { account: "alice", app: "shop", ttlSeconds: 60 }, nowMs);
  const said = { app: "shop", account: "alice", expiresAt: now + 60, issuedAt: now, key };
  expect(await verifier.verify(token)).toEqual({ ok: true, ...said });
  const silent = await sign({ acc: "alice", app: "shop", exp: now + 60 });
  expect(await verifier.verify(silent)).toEqual({ ok: true, ...said, issuedAt: undefined });
});

test("a token that expired a second ago is refused, one with a second left is not", async () => {
  const claims = { acc: "alice", app: "shop" };
  expect(await reasonOf(await sign({ ...claims, exp: now - 1 }))).toContain("expired");
  expect(await reasonOf(await sign({ ...claims, exp: now }))).toContain("expired");
  expect(await reasonOf(await sign({ ...claims, exp: now + 1 }))).toBe("accepted");
});

test("a token may begin 30 s ahead of the clock, and no second of that lengthens its life", async () => {
  const claims = { acc: "alice", app: "shop", exp: now + 600 };
  expect(await reasonOf(await sign({ ...claims, nbf: now + 30 }))).toBe("accepted");
  expect(await reasonOf(await sign({ ...claims, nbf: now + 31 }))).toContain("not valid yet");
  expect(await reasonOf(await sign({ ...claims, exp: now - 29, nbf: now - 60 }))).toContain("expired");
});

test("a part of a second counts, too", async () => {
  const token = await sign({ acc: "alice", app: "shop", exp: now + 0.5 });
  const reasonAt = async (ms: number) => new TokenVerifier([key], () => nowMs + ms).verify(token);
  expect((await reasonAt(499)).ok).toBe(true);
  for (const ms of [500, 999]) expect(await reasonAt(ms)).toMatchObject({ reason: "the token has expired" });
});

/** Signs any bytes, as a careless back end does. */
function signedText(payload: string, head = '{"alg":"HS256"}'): string {
  const text = [head, payload].map((part) => Buffer.from(part).toString("base64url")).join(".");
  return `${text}.${new Bun.CryptoHasher("sha256", key).update(text).digest("base64url")}`;
}

test("times in milliseconds are refused: such a token would never expire, nor be revoked", async () => {
  const claims = (exp: string, iat = "1") => signedText(`{"acc":"alice","app":"shop","exp":${exp},"iat":${iat}}`);
  const yearEnd = "253402300799";
  expect(await reasonOf(claims(yearEnd, yearEnd))).toBe("accepted");
  for (const time of ["253402300800", `${nowMs + 60_000}`, "1e308", "1e400"]) {
    expect(await reasonOf(claims(time))).toContain("the token's exp must be a number of seconds since 1970");
    expect(await reasonOf(claims(`${now + 60}`, time))).toContain(
      "the token's iat must be a number of seconds since 1970",
    );
  }
  for (const iat of ["-1", "-1e400", "0.5"]) expect(await reasonOf(claims(`${now + 60}`, iat))).toBe("accepted");
  expect(await reasonOf(claims("-1e400"))).toContain("expired");
});

test("an iat that lies more than half a minute ahead says nothing: no revocation would end such a token", async () => {
  const issuedAt = async (iat: unknown): Promise<unknown> => {
    const verdict = await new TokenVerifier([key], () => nowMs).verify(
      await sign({ acc: "alice", app: "shop", exp: now + 3_600, iat }),
    );
    return verdict.ok ? verdict.issuedAt : verdict.reason;
  };
  for (const ahead of [-3_600, 0, 30]) expect(await issuedAt(now + ahead)).toBe(now + ahead);
  for (const ahead of [31, 3_599]) expect(await issuedAt(now + ahead)).toBeUndefined();
});

test("a token of a secret has no aud, of which nobody has said that it is this server (RFC 7519, 4.1.3)", async () => {
  for (const aud of ["roost", ["roost"], "", [], null])
    expect(await reasonOf(await sign({ acc: "alice", app: "shop", exp: now + 60, aud }))).toBe(
      "the token has an aud, which a token that is signed with HS256 must not have",
    );
});

test("a token is base64url without padding, white space or other characters (RFC 7515, 5.2)", async () => {
  const token = signedText(`{"acc":"alice","app":"shop","exp":${now + 60}}`);
  expect(await reasonOf(token)).toBe("accepted");
  const at = token.length - 20;
  for (const other of [
    ...[`${token}=`, `${token}\n`, ` ${token}`, token.replace(".", ".\t"), token.replaceAll(".", "=.")],
    ...[`${token.slice(0, at)} ${token.slice(at)}`, `${token.slice(0, at)}\r\n${token.slice(at)}`, `${token}.`],
  ])
    expect([other, await reasonOf(other)]).toEqual([
      other,
      expect.stringMatching(/three parts of base64url|not a token/),
    ]);
});

test("a refusal says what is wrong with the token", async () => {
  const claims = { acc: "alice", app: "shop" };
  const exp = now + 60;
  expect(await reasonOf(await sign(claims))).toBe("the token has no exp");
  expect(await reasonOf(await sign({ ...claims, exp: "later" }))).toContain("exp must be a number");
  expect(await reasonOf(await sign({ ...claims, exp, nbf: "now" }))).toContain("nbf must be a number");
  expect(await reasonOf(await sign({ ...claims, exp, nbf: now + 3_600 }))).toContain(`nbf is ${now + 3_600}`);
  const head = Buffer.from('{"alg":"HS256"}').toString("base64url");
  expect(await reasonOf(`${head}.e30.???`)).toContain("three parts");
  const list = `${head}.${Buffer.from("[]").toString("base64url")}`;
  const mac = new Bun.CryptoHasher("sha256", key).update(list).digest("base64url");
  expect(await reasonOf(`${list}.${mac}`)).toContain("not a JSON object");
  const extended = new SignJWT({ ...claims, exp }).setProtectedHeader({ alg: "HS256", crit: ["b64"], b64: true });
  expect(await reasonOf(await extended.sign(key))).not.toBe("the token is not valid");
});

test("a token without an app belongs to the default app; without a default, the refusal names the option", async () => {
  const tolerant = new TokenVerifier([key], () => nowMs, { defaultApp: "kim" });
  const claims = { acc: "alice", exp: now + 60 };
  for (const app of [undefined, ""]) {
    const token = await sign({ ...claims, app });
    const said = { app: "kim", account: "alice", expiresAt: now + 60, issuedAt: undefined, key };
    expect(await tolerant.verify(token)).toEqual({ ok: true, ...said });
    expect(await reasonOf(token)).toContain("--default-app");
  }
  expect(await tolerant.verify(await sign({ ...claims, app: "shop" }))).toMatchObject({ ok: true, app: "shop" });
  for (const app of [null, 0, [], " "]) expect((await tolerant.verify(await sign({ ...claims, app }))).ok).toBe(false);
});

test("an app with keys of its own takes no other, and its keys are nobody else's", async () => {
  const [shopKey, olderKey] = [new TextEncoder().encode("the key of the shop alone"), new Uint8Array(32).fill(7)];
  const appKeys = [
    { app: "shop", kid: "2026", key: shopKey },
    { app: "shop", kid: "2025", key: olderKey },
  ];
  const verifying = new TokenVerifier([key], () => nowMs, { appKeys, defaultApp: "shop" });
  const verdictOf = async (app: string | undefined, signedWith: Uint8Array, kid?: string): Promise<string> => {
    const jwt = new SignJWT({ acc: "alice", app, exp: now + 60 }).setProtectedHeader({
      alg: "HS256",
      ...(kid && { kid }),
    });
    const verdict = await verifying.verify(await jwt.sign(signedWith));
    return verdict.ok ? verdict.app : verdict.reason;
  };
  for (const app of ["shop", undefined, ""]) {
    expect(await verdictOf(app, shopKey)).toBe("shop");
    expect(await verdictOf(app, olderKey)).toBe("shop");
    expect(await verdictOf(app, key)).toContain("signature");
  }
  expect(await verdictOf("bank", key, "any")).toBe("bank");
  expect(await verdictOf("bank", shopKey)).toContain("signature");
  // A kid tells the key: no other is tried.
  expect(await verdictOf("shop", olderKey, "2025")).toBe("shop");
  expect(await verdictOf("shop", olderKey, "2026")).toContain("signature");
  expect(await verdictOf("shop", shopKey, "2024")).toContain("kid");
  for (const token of ["e30.e30.x", `${Buffer.from('{"alg":"HS256"}').toString("base64url")}.W10.x`, "a.b.c"])
    expect((await verifying.verify(token)).ok).toBe(false);
  const alone = new TokenVerifier([], () => nowMs, { appKeys });
  const [ours, theirs] = [
    await sign({ acc: "a", app: "shop", exp: now + 60 }, shopKey),
    await sign({ acc: "a", app: "b" }),
  ];
  expect((await alone.verify(ours)).ok).toBe(true);
  expect(await alone.verify(theirs)).toMatchObject({ ok: false, reason: expect.stringContaining("no key") });
});

test("a token without exp, acc or app, or with ones of a wrong type, is refused", async () => {
  const exp = now + 60;
  const claims: Record<string, unknown>[] = [
    { acc: "a", app: "b" },
    { app: "b", exp },
    { acc: "a", exp },
    { acc: 1, app: "b", exp },
    { acc: "a", app: ["b"], exp },
    { acc: "a", app: "b", exp: "later" },
  ];
  for (const each of claims) expect(await reasonOf(await sign(each))).not.toBe("accepted");
});

test("names with commas, control characters, surrounding space or too many characters are refused", async () => {
  for (const name of ["", "a,b", "a\nb", "a\u0000", " a", "a ", "\u007f", "x".repeat(61), "x".repeat(10_000)]) {
    const exp = now + 60;
    expect(await reasonOf(await sign({ acc: name, app: "app", exp }))).not.toBe("accepted");
    expect(await reasonOf(await sign({ acc: "acc", app: name, exp }))).not.toBe("accepted");
  }
  expect(await reasonOf(await sign({ acc: "小明 🙂:|/_", app: "x".repeat(60), exp: now + 60 }))).toBe("accepted");
});

test("names that UTF-8 cannot carry are refused: two of them would be one account", async () => {
  const exp = now + 60;
  for (const name of ["a\ud800", "a\udbff", "\udc00a", "a\ufffd"]) {
    expect(await reasonOf(await sign({ acc: name, app: "app", exp }))).toContain("visible characters");
    expect(await reasonOf(await sign({ acc: "acc", app: name, exp }))).toContain("visible characters");
  }
});

test("only HS256 is taken: not none, not RS256, not HS512", async () => {
  const claims = { acc: "a", app: "b", exp: now + 60 };
  expect(await reasonOf(new UnsecuredJWT(claims).encode())).toContain("HS256");
  expect(await reasonOf(await sign(claims, new Uint8Array(64), "HS512"))).toContain("HS256");
  const { privateKey } = await generateKeyPair("RS256");
  const rs256 = await new SignJWT(claims).setProtectedHeader({ alg: "RS256" }).sign(privateKey);
  expect(await reasonOf(rs256)).toContain("HS256");
  // The header says HS256, the signature is the RSA one's: the secret is no public key.
  const [, body = "", signature = ""] = rs256.split(".");
  const header = Buffer.from('{"alg":"HS256"}').toString("base64url");
  expect(await reasonOf(`${header}.${body}.${signature}`)).toContain("signature");
});

test("another secret's token is refused, and any of several keys verifies", async () => {
  const token = await signToken(otherKey, { account: "a", app: "b", ttlSeconds: 60 }, nowMs);
  expect(await reasonOf(token)).toContain("signature");
  expect((await new TokenVerifier([key, otherKey], () => nowMs).verify(token)).ok).toBe(true);
});

test("a token is refused by the keys of the end, however often they change while it is verified", async () => {
  // The verifier asks for the time just before it verifies a signature, with the keys that it had by then.
  const onAsked = [[Uint8Array.from(key)], [otherKey]];
  const changing: TokenVerifier = new TokenVerifier([key], () => {
    const keys = onAsked.shift();
    if (keys === undefined) return nowMs;
    // A key that was gone for a while is another one.
    for (const present of [[otherKey], keys]) changing.replaceKeys({ keys: present, appKeys: [], issuers: [] });
    return nowMs;
  });
  const token = await signToken(key, { account: "a", app: "b", ttlSeconds: 60 }, nowMs);
  expect(await changing.verify(token)).toMatchObject({ reason: "the token's signature is wrong" });
});

test("what is no token is refused, whatever its size", async () => {
  for (const token of ["", ".", "..", "a.b.c", "x".repeat(64 * 1024), "eyJhbGciOiJIUzI1NiJ9.e30.", "\u0000"]) {
    expect(await reasonOf(token)).not.toBe("accepted");
  }
});
