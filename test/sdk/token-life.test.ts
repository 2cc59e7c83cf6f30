import { expect, test } from "bun:test";
import { signToken } from "../../src/auth/token.ts";
import { renewDelayMs } from "../../src/sdk/token-life.ts";

const now = 1_800_000_000;
const nowMs = now * 1000;
const tokenOf = (claims: unknown): string => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;

test("a token is renewed when four fifths of what is left of it have passed", async () => {
  const token = await signToken(new Uint8Array(32), { account: "小明", app: "a", ttlSeconds: 3_600 }, nowMs);
  expect(renewDelayMs(token, nowMs)).toBe(2_880_000);
  expect(renewDelayMs(token, nowMs + 1_800_000)).toBe(1_440_000);
  expect(renewDelayMs(tokenOf({ exp: now + 100 }), nowMs)).toBe(80_000);
});

test("a client whose clock is a day off renews by the length of the token's life", () => {
  const token = tokenOf({ iat: now, exp: now + 3_600 });
  for (const days of [-1, 1]) expect(renewDelayMs(token, nowMs + days * 86_400_000)).toBe(2_880_000);
});

test("no renewal comes sooner than after 5 s or later than after a day", () => {
  expect(renewDelayMs(tokenOf({ iat: now, exp: now + 1 }), nowMs)).toBe(5_000);
  expect(renewDelayMs(tokenOf({ iat: now, exp: now + 1e9 }), nowMs)).toBe(86_400_000);
});

test("a token that says nothing of its life is not renewed", () => {
  const strange = [
    "",
    "x",
    "a.b.c",
    "a.?.c",
    tokenOf(null),
    tokenOf([]),
    tokenOf({ exp: "soon" }),
    tokenOf({ iat: now }),
  ];
  const over = [tokenOf({ exp: now - 1 }), tokenOf({ iat: now, exp: now - 10 })];
  for (const token of [...strange, ...over]) expect(renewDelayMs(token, nowMs)).toBeUndefined();
});
