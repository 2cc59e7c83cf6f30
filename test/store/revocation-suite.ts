// Kicks and revocations as tests for every engine: an engine's own test file gives a factory.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { BanOutcome } from "../../src/store/revocations.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import type { Revocation, StoredRevocation } from "../../src/wire/revocations.ts";
import { bound } from "../support/bounds.ts";
import { stored, talk } from "./samples.ts";
import type { StorePlace } from "./opened-store.ts";

const nowMs = Date.now();
const kick = (change: Partial<Revocation> = {}): Revocation => ({
  app: "app",
  account: "ann",
  kind: "kick",
  device: undefined,
  beforeMs: nowMs,
  ...change,
});
const revoke = (change: Partial<Revocation> = {}): Revocation => kick({ kind: "revoke", ...change });

/** The id of a ban that was stored. */
function idOfBan(outcome: BanOutcome): bigint {
  if (outcome.result !== "stored") throw new Error(`expected stored, got ${outcome.result}`);
  return outcome.id;
}

export function revocationSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name}, kicks and revocations`, () => {
    let place: StorePlace;
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

    const openOther = async (...limits: Parameters<StorePlace["open"]>): Promise<Store> => {
      const other = await place.open(...limits);
      others.push(other);
      return other;
    };
    const idOf = async (revocation: Revocation, at = store): Promise<bigint> => {
      const outcome = await at.revoke(revocation);
      if (outcome.result !== "stored") throw new Error("expected stored, got full");
      return outcome.id;
    };
    const all = (at = store): Promise<readonly StoredRevocation[]> => at.revocations(0n, 1_000);

    test("they are read in the order in which they were made, as they were made, by every process", async () => {
      const other = await openOther();
      const made = [
        kick({ device: "phone" }),
        kick({ device: "" }),
        kick(),
        revoke({ app: "ap\u00fc", account: "\u4f60\u597d", beforeMs: 1_500 }),
      ];
      const rows: StoredRevocation[] = [];
      for (const [i, each] of made.entries()) rows.push({ ...each, id: await idOf(each, i % 2 === 0 ? store : other) });
      expect(await all()).toEqual(rows);
      expect(await all(other)).toEqual(rows);
      expect(await other.revocations(rows[1]?.id ?? 0n, 1)).toEqual(rows.slice(2, 3));
    });

    test("they outlive the process, for an account that nobody knows, and make no account of it", async () => {
      const id = await idOf(revoke({ account: "nobody" }));
      await store.close();
      store = await place.open();
      expect(await all()).toEqual([{ ...revoke({ account: "nobody" }), id }]);
      expect(await store.append([talk({ dest: "nobody", toKnown: true })])).toEqual([{ result: "unknown" }]);
    });

    test("their ids are of the messages' sequence", async () => {
      const before = stored((await store.append([talk()]))[0]).messageId;
      const id = await idOf(kick());
      const after = stored((await store.append([talk()]))[0]).messageId;
      expect(id).toBeGreaterThan(before);
      expect(after).toBeGreaterThan(id);
    });

    test("one replaces an earlier one for the same account, kind and device, never with an earlier time", async () => {
      await idOf(revoke());
      const phone = await idOf(kick({ device: "phone" }));
      const third = await idOf(revoke({ beforeMs: nowMs - 5_000 }));
      expect(await all()).toEqual([
        { ...kick({ device: "phone" }), id: phone },
        { ...revoke(), id: third },
      ]);
      const fourth = await idOf(revoke({ beforeMs: nowMs + 5_000 }));
      expect(await store.revocations(third, 9)).toEqual([{ ...revoke({ beforeMs: nowMs + 5_000 }), id: fourth }]);
    });

    test("a kick of 30 days ago is forgotten if there is no room for the next one, a revocation is not", async () => {
      const small = await openOther({ revocations: 3 });
      const kept = async (): Promise<string[]> => (await all()).map(({ account, kind }) => `${kind} ${account}`);
      // No clock that the tests set is as far back, nor as far ahead.
      const farMs = 1_000 * 86_400_000;
      const longAgoMs = nowMs - farMs;
      await idOf(kick({ beforeMs: longAgoMs }), small);
      await idOf(revoke({ beforeMs: longAgoMs }), small);
      await idOf(kick({ account: "bob", beforeMs: nowMs + farMs }), small);
      expect(await kept()).toEqual(["kick ann", "revoke ann", "kick bob"]);
      await idOf(revoke({ account: "eve" }), small);
      expect(await kept()).toEqual(["revoke ann", "kick bob", "revoke eve"]);
      expect(await small.revoke(kick({ account: "joe" }))).toEqual({ result: "full" });
    });

    const untilMs = nowMs + 3_600_000;
    const ban = { app: "app", account: "ann", beforeMs: nowMs, untilMs };

    test("a ban is a revocation that says until when; its end revives no token, and both have a new id", async () => {
      const other = await openOther();
      const begun = await store.ban(ban);
      expect(await all(other)).toEqual([{ ...revoke(), id: idOfBan(begun), untilMs }]);
      await other.revoke(kick());
      const longer = await other.ban({ ...ban, beforeMs: nowMs - 1, untilMs: untilMs + 1 });
      expect(await store.revocations(idOfBan(begun) + 1n, 9)).toEqual([
        expect.objectContaining({ kind: "kick" }),
        { ...revoke(), id: idOfBan(longer), untilMs: untilMs + 1 },
      ]);
      const ended = await store.ban({ ...ban, beforeMs: 0, untilMs: 0 });
      expect(await other.revocations(idOfBan(longer), 9)).toEqual([{ ...revoke(), id: idOfBan(ended) }]);
      expect(await store.ban({ ...ban, untilMs: 0 })).toEqual({ result: "unchanged" });
      expect(await place.check?.()).toEqual([]);
    });

    test("a revocation leaves a ban as it is, and a ban is of one account of one app", async () => {
      await store.ban(ban);
      const id = await idOf(revoke({ beforeMs: nowMs + 1 }));
      expect(await all()).toEqual([{ ...revoke({ beforeMs: nowMs + 1 }), id, untilMs }]);
      expect(await store.ban({ ...ban, app: "other", untilMs: 0 })).toEqual({ result: "unchanged" });
    });

    test("a ban finds no room beyond the limit, and none is kept then", async () => {
      const small = await openOther({ revocations: 1 });
      await idOf(revoke({ account: "bob" }), small);
      expect(await small.ban(ban)).toEqual({ result: "full" });
      expect(await small.ban({ ...ban, untilMs: 0 })).toEqual({ result: "unchanged" });
    });

    test("a closed store refuses them", async () => {
      await store.close();
      await expect(store.revoke(kick())).rejects.toThrow(StoreUnavailable);
      await expect(store.ban(ban)).rejects.toThrow(StoreUnavailable);
      await expect(store.revocations(0n, 1)).rejects.toThrow(StoreUnavailable);
    });

    const three = async (revocations: number): Promise<Store> => {
      const small = await openOther({ revocations });
      for (const account of ["a", "b", "c"]) await idOf(revoke({ account }), small);
      return small;
    };
    bound("revocations", {
      at: async () => {
        expect(await all(await three(3))).toHaveLength(3);
      },
      above: async () => {
        const small = await three(3);
        expect(await small.revoke(revoke({ account: "d" }))).toEqual({ result: "full" });
        // One that is kept already is replaced.
        await idOf(revoke({ account: "a", beforeMs: nowMs + 1 }), small);
        expect((await all()).map(({ account }) => account)).toEqual(["b", "c", "a"]);
      },
    });
  });
}
