// Keys of the API as tests for every engine: an engine's own test file gives a factory.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { newKey } from "../../src/api/keys/api-key.ts";
import { StoredKeyRing } from "../../src/api/keys/key-ring.ts";
import { systemRandom } from "../../src/base/random.ts";
import { apiKeysMax } from "../../src/base/limits/fixed.ts";
import { openKeyTool } from "../../src/options/engines.ts";
import type { ApiKeyDraft, StoredApiKey } from "../../src/store/api-keys.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import type { GroupPlace } from "./group-suite.ts";
import { stored, talk } from "./samples.ts";

const wish = { app: "app", scopes: ["messages:write"], name: "billing" };
const draftOf = (id: string, change: Partial<ApiKeyDraft> = {}): ApiKeyDraft => ({
  id,
  hash: id.padEnd(64, "0"),
  app: "app",
  scopes: ["messages:write", "groups:read"],
  name: "billing",
  ...change,
});

/** `scheme`: what makes a URL of the place's address. */
export function apiKeySuite(name: string, scheme: string, makePlace: () => Promise<GroupPlace>): void {
  describe(`${name}, keys of the API`, () => {
    let place: GroupPlace;
    let store: Store;
    let others: Store[];
    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
      others = [];
    });
    afterEach(async () => {
      for (const each of [store, ...others]) await each.close();
      await place.remove();
    });

    const openOther = async (): Promise<Store> => {
      const other = await place.open();
      others.push(other);
      return other;
    };
    const made = async (draft: ApiKeyDraft, at = store): Promise<StoredApiKey> => {
      const outcome = await at.backEnd.keys.create(draft);
      if (outcome.result !== "stored") throw new Error("expected stored, got full");
      return outcome.key;
    };
    const all = (at = store): Promise<readonly StoredApiKey[]> => at.backEnd.keys.after(0n, 2_000);

    test("every process reads them as they were made, in the order of their versions", async () => {
      const other = await openOther();
      const before = stored((await store.append([talk()]))[0]).messageId;
      const [first, second] = [await made(draftOf("1")), await made(draftOf("2", { app: "*", name: "你\0好" }), other)];
      expect(first).toEqual({ ...draftOf("1"), createdMs: first.createdMs, revokedMs: 0, version: first.version });
      expect(first.createdMs).toBeGreaterThan(1_600_000_000_000);
      expect([before < first.version, first.version < second.version]).toEqual([true, true]);
      expect(await all(other)).toEqual([first, second]);
      expect(await store.backEnd.keys.after(first.version, 9)).toEqual([second]);
      expect(await store.backEnd.keys.after(0n, 1)).toEqual([first]);
      expect(await place.check?.()).toEqual([]);
    });

    test("one that was made already stays as it is, whatever else is said of it", async () => {
      const first = await made(draftOf("1"));
      expect(await made(draftOf("1", { name: "other", app: "*" }))).toEqual(first);
      const revoked = await store.backEnd.keys.revoke("1");
      expect(await made(draftOf("1"))).toEqual(revoked!);
    });

    test("a revoked one has a new version and the time, and stays revoked since then", async () => {
      const first = await made(draftOf("1"));
      const second = await made(draftOf("2"));
      const revoked = await (await openOther()).backEnd.keys.revoke("1");
      expect(revoked).toEqual({ ...first, revokedMs: revoked!.revokedMs, version: revoked!.version });
      expect(revoked!.revokedMs).toBeGreaterThanOrEqual(first.createdMs);
      expect(await all()).toEqual([second, revoked!]);
      expect(await store.backEnd.keys.revoke("1")).toEqual(revoked);
      expect(await store.backEnd.keys.revoke("0")).toBeUndefined();
    });

    test("the operator's tool makes and revokes them beside processes, which commit as before", async () => {
      const before = stored((await store.append([talk()]))[0]).messageId;
      const tool = await openKeyTool(`${scheme}${place.address}`, false);
      const outcome = await tool.keys.create(draftOf("1"));
      const own = await made(draftOf("2"));
      const revoked = await tool.keys.revoke("2");
      expect(await tool.keys.after(own.version, 9)).toEqual([revoked!]);
      await tool.close();
      const after = stored((await store.append([talk()]))[0]).messageId;
      const versions = (await all()).map(({ id, version }) => [id, before < version && version < after]);
      expect([outcome.result, versions]).toEqual([
        "stored",
        [
          ["1", true],
          ["2", true],
        ],
      ]);
      expect(await place.check?.()).toEqual([]);
    });

    test("a node refuses within a second what another one has revoked, and takes what it has made", async () => {
      const other = await openOther();
      const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
      const ring = new StoredKeyRing(other, clock);
      const [first, second] = [newKey(wish, systemRandom), newKey(wish, systemRandom)];
      await made(first.draft);
      expect(await ring.find(first.text)).toMatchObject({ id: first.draft.id });
      await store.backEnd.keys.revoke(first.draft.id);
      await made(second.draft);
      clock.nowMs = 999;
      expect(await ring.find(first.text)).toBeUndefined();
      expect(await ring.find(second.text)).toMatchObject({ name: "billing", app: "app" });
    });

    test("they outlive the process", async () => {
      const first = await made(draftOf("1"));
      await store.close();
      await expect(store.backEnd.keys.after(0n, 1)).rejects.toThrow(StoreUnavailable);
      store = await place.open();
      expect(await all()).toEqual([first]);
    });

    test("the one that was revoked first makes room; if all are in force, there is none", async () => {
      const ids = Array.from({ length: apiKeysMax }, (_, i) => `${i}x`);
      await Promise.all(ids.map((id) => made(draftOf(id))));
      expect(await store.backEnd.keys.create(draftOf("more"))).toEqual({ result: "full" });
      for (const id of ["7x", "3x"]) await store.backEnd.keys.revoke(id);
      await made(draftOf("more"));
      const left = (await all()).map(({ id }) => id);
      expect([left.length, left.includes("7x"), left.includes("3x")]).toEqual([apiKeysMax, false, true]);
    });

    test("a node refuses a revoked key also when another one has taken its place before the node looked", async () => {
      const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
      const ring = new StoredKeyRing(await openOther(), clock);
      const [first, second] = [newKey(wish, systemRandom), newKey(wish, systemRandom)];
      await made(first.draft);
      await Promise.all(Array.from({ length: apiKeysMax - 1 }, (_, i) => made(draftOf(`${i}x`))));
      expect(await ring.find(first.text)).toMatchObject({ id: first.draft.id });
      await store.backEnd.keys.revoke(first.draft.id);
      await made(second.draft);
      clock.nowMs = 999;
      expect(await ring.find(first.text)).toBeUndefined();
      expect(await ring.find(second.text)).toMatchObject({ id: second.draft.id });
    });
  });
}
