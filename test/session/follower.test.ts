import { expect, test } from "bun:test";
import { Follower, type Change } from "../../src/session/follower.ts";
import { LocationCache, type LeasedLocations } from "../../src/session/location-cache.ts";
import { location } from "./locations.ts";

const at = (...leases: number[]): LeasedLocations => ({ locations: leases.map(() => location()), leases });

test("remembers what was used last, and never more than it may", () => {
  const cache = new LocationCache(100);
  const accounts = Array.from({ length: 1_000 }, (_, number) => `a${number}`);
  const held = (): number => accounts.filter((account) => cache.get("app", account) !== undefined).length;
  cache.set("app", "always", at(1));
  for (const account of accounts) {
    cache.set("app", account, at(1));
    expect(cache.get("app", "always")).toBeDefined();
  }
  expect(held()).toBeLessThanOrEqual(100);
  expect(held()).toBeGreaterThanOrEqual(40);
  expect(cache.get("app", "a999")).toBeDefined();
  expect(cache.get("app", "a0")).toBeUndefined();
  expect(cache.get("other", "a999")).toBeUndefined();
});

test("forgets an account in whichever generation it is, and all of a lease", () => {
  const cache = new LocationCache(6);
  const all = ["a", "b", "c", "d"];
  const fill = (): void => {
    for (const [number, account] of all.entries()) cache.set("app", account, at(number % 2, 9));
  };
  const left = (): string[] => all.filter((account) => cache.get("app", account) !== undefined);
  fill();
  expect(left()).toEqual(all);
  cache.delete("app", "a");
  cache.delete("app", "d");
  expect(left()).toEqual(["b", "c"]);
  fill();
  cache.deleteLease(1);
  expect(left()).toEqual(["a", "c"]);
  cache.deleteLease(9);
  expect(left()).toEqual([]);
});

/** A follower after its first fence, and what it tells. */
function fixture() {
  const follower = new Follower();
  const told: string[] = [];
  follower.presence.watch({
    online: (_, account) => told.push(`online ${account}`),
    offline: (_, account) => told.push(`offline ${account}`),
    reset: () => told.push("reset"),
  });
  follower.watchLoss(() => told.push("lost"));
  const fence = (sequence: number, changes: readonly Change[] | undefined, epoch = "e1"): void =>
    follower.follow({ epoch, sequence, changes });
  fence(7, undefined);
  return { follower, told, fence };
}

test("the first fence tells nothing: nothing was known before", () => {
  const { follower, told } = fixture();
  expect(told).toEqual([]);
  expect(follower.sequence).toBe(7);
});

test("a change is forgotten before listeners hear of it, and they hear of changes in order", () => {
  const { follower, told, fence } = fixture();
  for (const account of ["ann", "bob", "cy"]) follower.cache.set("app", account, at(1));
  const seen: boolean[] = [];
  follower.presence.watch({
    online() {},
    offline: () => void seen.push(follower.cache.get("app", "bob") === undefined),
  });
  fence(10, [
    { kind: "offline", app: "app", account: "ann" },
    { kind: "moved", app: "app", account: "bob" },
    { kind: "online", app: "app", account: "ann" },
  ]);
  expect(told).toEqual(["offline ann", "online ann"]);
  expect(seen).toEqual([true]);
  expect(follower.cache.get("app", "cy")).toBeDefined();
});

test("a log that does not reach back resets; another epoch is a loss besides", () => {
  const { follower, told, fence } = fixture();
  follower.cache.set("app", "ann", at(1));
  fence(9_000, undefined);
  expect(follower.cache.get("app", "ann")).toBeUndefined();
  expect(told).toEqual(["reset"]);
  follower.cache.set("app", "ann", at(1));
  fence(2, undefined, "e2");
  expect(follower.cache.get("app", "ann")).toBeUndefined();
  expect(told).toEqual(["reset", "reset", "lost"]);
});

test("news that a listener causes follow those that it was being called with", () => {
  const { follower, told, fence } = fixture();
  const online = (account: string): Change => ({ kind: "online", app: "app", account });
  follower.presence.watch({
    online: (_, account) => {
      if (account === "ann") fence(10, [online("cy")]);
    },
    offline() {},
  });
  fence(9, [online("ann"), online("bob")]);
  expect(told).toEqual(["online ann", "online bob", "online cy"]);
});
