// Keys of the API: what they are made of, what they permit, and how soon a node hears of a change.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { type ApiKey, apiScopes, draftOf, faultOfKey, isKeyText, newKey, permits } from "../../src/api/keys/api-key.ts";
import { apiMethods } from "../../src/api/description/methods.ts";
import { KeyDesk } from "../../src/api/keys/key-desk.ts";
import { StoredKeyRing } from "../../src/api/keys/key-ring.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { MemoryKeys } from "../support/memory-keys.ts";

const wish = { app: "shop", scopes: ["messages:write", "groups:read"], name: "billing" };

function stage(local?: { id: string; defaultApp: string }) {
  const keys = new MemoryKeys();
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  const ring = new StoredKeyRing(keys.store(), clock, local);
  const desk = new KeyDesk({ keys, random: systemRandom, log: silentLog });
  return { keys, clock, ring, desk };
}

test("a key has 256 bits after rk_, which its draft does not tell; its id begins its hash", () => {
  const { text, draft } = newKey(wish, systemRandom);
  expect(text).toMatch(/^rk_[0-9A-Za-z]{43}$/);
  expect(isKeyText(text)).toBe(true);
  expect(draft).toEqual({ ...wish, id: draft.hash.slice(0, 16), hash: draft.hash });
  expect(draft.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(JSON.stringify(draft)).not.toContain(text.slice(3));
  expect(newKey(wish, systemRandom).text).not.toBe(text);
  for (const bad of ["", "rk_", text.slice(1), `${text}a`, `${text}\n`, ` ${text}`, "rk_".padEnd(46, "-")])
    expect([bad, isKeyText(bad)]).toEqual([bad, false]);
});

test("a scope is permitted by its name, by that of its service, and by *", () => {
  expect(permits(new Set(["groups:read"]), "groups:read")).toBe(true);
  expect(permits(new Set(["groups:*"]), "groups:read")).toBe(true);
  expect(permits(new Set(["*"]), "groups:read")).toBe(true);
  expect(permits(new Set(["*"]), "*")).toBe(true);
  for (const scopes of [[], ["groups:write"], ["messages:*"], ["groups"], ["groups:*"]])
    expect([scopes, permits(new Set(scopes), scopes[0] === "groups:*" ? "*" : "groups:read")]).toEqual([scopes, false]);
});

test("the scopes are those that methods ask for, by their descriptors or for a part of what they do; sorted", () => {
  const asked = Array.from(apiMethods.values(), ({ scope }) => scope).filter((scope) => scope !== "*");
  expect(apiScopes).toEqual([...new Set([...asked, "messages:as"])].toSorted());
});

test("apps, scopes and names that are none are refused with what would be right", () => {
  expect(faultOfKey(wish)).toBeUndefined();
  expect(faultOfKey({ ...wish, app: "*", scopes: ["*", "groups:*", ...apiScopes] })).toBeUndefined();
  const bad: [Partial<typeof wish>, string][] = [
    [{ app: "" }, "app: expected * for all apps"],
    [{ app: "a,b" }, "app: expected * for all apps"],
    [{ name: " " }, "name: expected 1 to 64"],
    [{ name: "n".repeat(65) }, "name: expected 1 to 64"],
    [{ name: "two\nlines" }, "name: expected 1 to 64"],
    [{ scopes: [] }, "scopes: expected 1 to 32"],
    [{ scopes: Array.from({ length: 33 }, () => "groups:read") }, "scopes: expected 1 to 32"],
    [{ scopes: ["group:read"] }, 'there is no scope "group:read"'],
    [{ scopes: ["groups:read", "a,b"] }, 'there is no scope "a,b"'],
  ];
  for (const [change, sentence] of bad) expect(faultOfKey({ ...wish, ...change })).toContain(sentence);
});

test("a node finds a key by its text, and no other text; it reads the store no more than it has to", async () => {
  const { keys, clock, ring, desk } = stage();
  const { text, key } = await desk.create(wish);
  const found: ApiKey = { ...wish, id: key.id, defaultApp: undefined, scopes: new Set(wish.scopes) };
  expect(await ring.find(text)).toEqual(found);
  clock.nowMs = 299;
  expect([ring.find(text), ring.find(text)]).toEqual([found, found]);
  for (const other of ["", "x", text.slice(0, -1), `${text}=`, ` ${text}`])
    expect([other, ring.find(other)]).toEqual([other, undefined]);
  expect(keys.reads).toBe(1);
});

test("a text that is unknown to a copy of 50 ms is looked up in the store, once at a time", async () => {
  const { keys, clock, ring, desk } = stage();
  await ring.find((await desk.create(wish)).text);
  const { text, key } = await desk.create(wish);
  clock.nowMs = 49;
  expect(ring.find(text)).toBeUndefined();
  clock.nowMs = 50;
  const unknown = newKey(wish, systemRandom).text;
  const asked = [ring.find(unknown), ring.find(text), ring.find(unknown)];
  expect((await Promise.all(asked)).map((found) => found?.id)).toEqual([undefined, key.id, undefined]);
  expect(keys.reads).toBe(2);
  clock.nowMs = 99;
  expect(ring.find(unknown)).toBeUndefined();
});

test("what another node made or revoked is known within a second; no request is decided by an older copy", async () => {
  const { keys, clock, ring, desk } = stage();
  const first = await desk.create(wish);
  await ring.find(first.text);
  await keys.revoke(first.key.id);
  const second = await desk.create(wish);
  clock.nowMs = 799;
  // It renews the copy, and does not wait.
  expect(ring.find(first.text)).toMatchObject({ id: first.key.id });
  await Bun.sleep(0);
  expect([ring.find(first.text), ring.find(second.text)]).toEqual([
    undefined,
    expect.objectContaining({ name: "billing" }),
  ]);
  await keys.revoke(second.key.id);
  clock.nowMs = 799 + 800;
  expect(await ring.find(second.text)).toBeUndefined();
});

test("a request waits for a read that began after a copy was too old, not for one that is late", async () => {
  const { keys, clock, ring, desk } = stage();
  const { text, key } = await desk.create(wish);
  const held = Promise.withResolvers<void>();
  keys.pause = held.promise;
  const early = ring.find(text);
  await Bun.sleep(0);
  await keys.revoke(key.id);
  clock.nowMs = 5_000;
  const late = ring.find(text);
  held.resolve();
  expect(await early).toMatchObject({ id: key.id });
  expect(await late).toBeUndefined();
});

test("what a node itself changes is in force there at once, whatever an earlier read brings", async () => {
  const { keys, ring, desk } = stage();
  const { text, key } = await desk.create(wish);
  const held = Promise.withResolvers<void>();
  keys.pause = held.promise;
  const reading = ring.find(text);
  await Bun.sleep(0);
  const revoked = await keys.revoke(key.id);
  if (revoked !== undefined) ring.changed(revoked);
  held.resolve();
  expect(await reading).toBeUndefined();
});

test("a store that is away refuses nobody until the copy is too old, and then everybody", async () => {
  const { keys, clock, ring, desk } = stage();
  const { text } = await desk.create(wish);
  await ring.find(text);
  keys.isAway = true;
  clock.nowMs = 700;
  expect(ring.find(text)).toMatchObject({ name: "billing" });
  clock.nowMs = 800;
  await expect(Promise.resolve(ring.find(text))).rejects.toThrow(StoreUnavailable);
  keys.isAway = false;
  expect(await ring.find(text)).toMatchObject({ name: "billing" });
});

test("a replaced store's keys are read anew, from the beginning", async () => {
  const { keys, ring, desk } = stage();
  const former = await desk.create(wish);
  await ring.find(former.text);
  keys.replace();
  const next = await desk.create(wish);
  expect(await ring.find(former.text)).toBeUndefined();
  expect(await ring.find(next.text)).toMatchObject({ id: next.key.id });
});

test("the local key has an app for requests that name none; other keys of all apps have not", async () => {
  const local = newKey({ app: "*", scopes: ["*"], name: "local" }, systemRandom);
  const { keys, ring, desk } = stage({ id: local.draft.id, defaultApp: "default" });
  await keys.create(local.draft);
  const other = await desk.create({ ...wish, app: "*" });
  expect(await ring.find(local.text)).toMatchObject({ app: "*", defaultApp: "default" });
  expect((await ring.find(other.text))?.defaultApp).toBeUndefined();
  expect(draftOf(local.text, { app: "*", scopes: ["*"], name: "local" })).toEqual(local.draft);
});

test("a key makes no key with an app or a scope that it lacks, and knows none of other apps", async () => {
  const { desk } = stage();
  const by = (app: string, ...scopes: string[]): ApiKey => ({ id: "by", app, scopes: new Set(scopes), name: "by" });
  const shop = by("shop", "admin:keys", "messages:*", "groups:read");
  await desk.create(wish, shop);
  await desk.create({ ...wish, scopes: ["messages:*"] }, shop);
  const refused = async (change: Partial<typeof wish>, sentence: string, who = shop): Promise<void> => {
    await expect(desk.create({ ...wish, ...change }, who)).rejects.toThrow(sentence);
  };
  await refused({ app: "other" }, "makes keys for no other app");
  await refused({ app: "*" }, "makes keys for no other app");
  await refused({ scopes: ["groups:*"] }, "lacks the scope groups:*");
  await refused({ scopes: ["groups:write"] }, "lacks the scope groups:write");
  await refused({ scopes: ["*"] }, "lacks the scope *");
  await refused({ scopes: ["*"] }, "lacks the scope *", by("*", "admin:*", "messages:*", "groups:*"));
  await desk.create({ ...wish, app: "other", scopes: ["*"] }, by("*", "*"));

  const other = (await desk.list("other"))[0];
  expect((await desk.list("shop", shop)).map(({ app }) => app)).toEqual(["shop", "shop"]);
  await expect(desk.list("*", shop)).rejects.toThrow("no keys of other apps");
  await expect(desk.list("other", shop)).rejects.toThrow("no keys of other apps");
  await expect(desk.revoke(other?.id ?? "", shop)).rejects.toThrow("there is no key of that id");
  await expect(desk.revoke("none")).rejects.toThrow("there is no key of that id");
  expect((await desk.revoke(other?.id ?? "", by("*", "admin:keys"))).revokedMs).toBeGreaterThan(0);
});
