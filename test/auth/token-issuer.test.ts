// Which key signs a token, and whether there is one.

import { expect, test } from "bun:test";
import { TokenIssuer } from "../../src/auth/token-issuer.ts";
import { type TokenKeys, TokenVerifier } from "../../src/auth/token.ts";

const [first, second, own] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
const nowMs = Date.now();
const claims = { app: "app", account: "ann", ttlSeconds: 60 };

function keysOf(change: Partial<TokenKeys> = {}): TokenKeys {
  return { keys: [first!, second!], appKeys: [], issuers: [], ...change };
}

test("the first key signs, the app's own before it, with its id; the verifier takes the token", async () => {
  const appKeys = [{ app: "shop", kid: "k1", key: own! }];
  const issuer = new TokenIssuer(() => keysOf({ appKeys }));
  const verifier = new TokenVerifier([first!], undefined, { appKeys });
  for (const app of ["app", "shop"]) {
    const issued = await issuer.issue({ ...claims, app }, nowMs);
    expect(issued?.expiresAt).toBe(Math.floor(nowMs / 1_000) + 60);
    expect(await verifier.verify(issued?.token ?? "")).toMatchObject({ ok: true, app, account: "ann" });
  }
});

test("without a key, or where an app has issuers, none is made", async () => {
  expect(await new TokenIssuer(() => keysOf({ keys: [] })).issue(claims, nowMs)).toBeUndefined();
  const issuers = [{ app: "app", issuer: "https://id.example", audience: "", path: "", keys: [] }];
  const ofIssuer = keysOf();
  // Whose keys they are is asked alone.
  Object.assign(ofIssuer, { issuers });
  expect(await new TokenIssuer(() => ofIssuer).issue(claims, nowMs)).toBeUndefined();
  expect(await new TokenIssuer(() => ofIssuer).issue({ ...claims, app: "other" }, nowMs)).toBeDefined();
});

test("keys that were read again sign from then on", async () => {
  let keys = keysOf();
  const issuer = new TokenIssuer(() => keys);
  keys = keysOf({ keys: [second!] });
  const issued = await issuer.issue(claims, nowMs);
  expect(await new TokenVerifier([second!]).verify(issued?.token ?? "")).toMatchObject({ ok: true });
});
