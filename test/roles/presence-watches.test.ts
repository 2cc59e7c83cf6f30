// Who watches whom, and what each watcher is to be told, without time, store or links.

import { describe, expect, test } from "bun:test";
import { Watches, type Watcher } from "../../src/roles/chat/presence/watches.ts";
import type { Location } from "../../src/session/sessions.ts";
import { location } from "../session/locations.ts";
import { Random, testSeed } from "../support/random.ts";

const minute = 1_000;

function fixture() {
  const watches = new Watches();
  const places = new Map<string, Location>();
  /** A connection that watches accounts of which each has one device, unless `devices` says otherwise. */
  const watch = (account: string, channelId: string, names: readonly string[], devices = 1): Watcher => {
    const place = places.getOrInsertComputed(channelId, () => location({ channelId, gateway: `gw-${channelId}` }));
    const watcher = watches.ask("app", account, place, names);
    for (const name of names) watches.allow(watcher, name, devices);
    return watcher;
  };
  /** What a watcher is told now, as `account devices minute`. */
  const tell = (watcher: Watcher, most = 200): string[] => {
    const states = watches.statesFor(watcher, most, minute);
    watches.told(watcher, states);
    return states.map(({ account, devices, leftMinute }) => `${account} ${devices} ${leftMinute}`);
  };
  const located = (account: string, devices: number, at = minute): number =>
    watches.located(
      "app",
      account,
      Array.from({ length: devices }, () => location()),
      at,
    );
  return { watches, watch, tell, located };
}

describe("changes", () => {
  test("each watcher is told what differs from what it was told last, once", () => {
    const { watches, watch, tell, located } = fixture();
    const ann = watch("ann", "a1", ["bob", "cy"]);
    const dan = watch("dan", "d1", ["bob"]);
    expect(watches.isWaiting).toBe(false);
    located("bob", 2);
    expect(watches.waiting).toEqual([ann, dan]);
    expect(tell(ann)).toEqual(["bob 2 0"]);
    expect(tell(ann)).toEqual([]);
    located("bob", 0, 999);
    expect(tell(dan)).toEqual(["bob 0 999"]);
    expect(tell(ann)).toEqual(["bob 0 999"]);
    expect(watches.isWaiting).toBe(false);
  });

  test("who came and went before the watcher was told is not told", () => {
    const { watches, watch, tell, located } = fixture();
    const ann = watch("ann", "a1", ["bob"]);
    located("bob", 0);
    located("bob", 1);
    expect(tell(ann)).toEqual([]);
    expect(watches.isWaiting).toBe(false);
  });

  test("what an answer shows of an account is news to its other watchers, and not to the one that asked", () => {
    const { watch, tell } = fixture();
    const ann = watch("ann", "a1", ["bob"], 1);
    const dan = watch("dan", "d1", ["bob"], 3);
    expect(tell(dan)).toEqual([]);
    expect(tell(ann)).toEqual(["bob 3 0"]);
  });

  test("a push has at most so many states, and the rest follows", () => {
    const { watches, watch, tell, located } = fixture();
    const names = Array.from({ length: 450 }, (_, at) => `n${at}`);
    const ann = watch("ann", "a1", names);
    for (const name of names) located(name, 0);
    const lengths = [tell(ann), tell(ann), tell(ann), tell(ann)].map((states) => states.length);
    expect(lengths).toEqual([200, 200, 50, 0]);
    expect(watches.isWaiting).toBe(false);
  });

  test("a watcher that could not be told is told the state of then", () => {
    const { watches, watch, tell, located } = fixture();
    const ann = watch("ann", "a1", ["bob"]);
    located("bob", 0);
    expect(watches.statesFor(ann, 200, minute)).toHaveLength(1);
    located("bob", 4);
    expect(watches.waiting).toEqual([ann]);
    expect(tell(ann)).toEqual(["bob 4 0"]);
  });
});

describe("ends", () => {
  test("a watch ends with its connection, and nothing of it stays", () => {
    const { watches, watch } = fixture();
    const ann = watch("ann", "a1", ["bob", "ann"]);
    watch("ann", "a2", ["bob"]);
    watches.located("app", "ann", [location({ channelId: "a2" })], minute);
    expect(ann.isEnded).toBe(true);
    expect([watches.size, watches.of("a1"), watches.of("a2")]).toEqual([1, 0, 1]);
    watches.located("app", "ann", [], minute);
    expect([watches.size, watches.isWatched("app", "bob"), watches.concerns("app", "ann")]).toEqual([0, false, false]);
    expect([...watches.everybody()]).toEqual([]);
  });

  test("a gateway takes its watchers with it, and a replaced store all", () => {
    const { watches, watch } = fixture();
    watch("ann", "a1", ["bob"]);
    watch("ann", "a2", ["bob"]);
    watches.endGateway("gw-a1");
    expect([watches.of("a1"), watches.of("a2")]).toEqual([0, 1]);
    expect(watches.endAll().map(({ channelId }) => channelId)).toEqual(["a2"]);
    expect(watches.size).toBe(0);
  });

  test("some or all watches are ended by their connection", () => {
    const { watches, watch, tell, located } = fixture();
    const ann = watch("ann", "a1", ["bob", "cy", "dan"]);
    located("bob", 0);
    watches.unwatch("a1", ["bob", "nobody"]);
    expect([watches.size, tell(ann)]).toEqual([2, []]);
    watches.unwatch("a1");
    watches.unwatch("a1");
    expect([watches.size, ann.isEnded, watches.isWaiting]).toEqual([0, true, false]);
  });
});

describe("blocks", () => {
  test("a block looks as if the account had left, once; further changes do not show", () => {
    const { watches, watch, tell, located } = fixture();
    const ann = watch("ann", "a1", ["bob", "cy"]);
    const dan = watch("dan", "d1", ["bob"]);
    watches.block("app", "bob", "ann");
    expect(tell(ann)).toEqual([`bob 0 ${minute}`]);
    located("bob", 5);
    expect(tell(ann)).toEqual([]);
    expect(tell(dan)).toEqual(["bob 5 0"]);
    // It holds its place: the number of watches shows nothing either.
    expect(watches.of("a1")).toBe(2);
  });

  test("a block of who was told to be offline, of another app, or the other way round tells nothing", () => {
    const { watches, watch, tell, located } = fixture();
    const ann = watch("ann", "a1", ["bob", "cy"]);
    located("bob", 0);
    tell(ann);
    watches.block("app", "bob", "ann");
    watches.block("other", "cy", "ann");
    watches.block("app", "ann", "cy");
    watches.block("app", "cy", "nobody");
    expect(tell(ann)).toEqual([]);
    located("cy", 2);
    expect(tell(ann)).toEqual(["cy 2 0"]);
  });

  test("a block between the question and its answer is in force", () => {
    const { watches, tell, located } = fixture();
    const ann = watches.ask("app", "ann", location({ channelId: "a1" }), ["bob", "cy"]);
    watches.block("app", "bob", "ann");
    expect(watches.allow(ann, "bob", 1)).toBe(false);
    expect(watches.allow(ann, "cy", 1)).toBe(true);
    located("bob", 0);
    expect(tell(ann)).toEqual([]);
  });

  test("a watch that was denied may be asked again", () => {
    const { watches, watch, tell, located } = fixture();
    const ann = watch("ann", "a1", ["bob"]);
    watches.block("app", "bob", "ann");
    tell(ann);
    watch("ann", "a1", ["bob"], 2);
    expect([watches.size, tell(ann)]).toEqual([1, []]);
    located("bob", 1);
    expect(tell(ann)).toEqual(["bob 1 0"]);
  });
});

test("a question that fails takes back what it reserved, and no watch that was there", () => {
  const { watches, watch, tell, located } = fixture();
  const ann = watch("ann", "a1", ["bob"]);
  watches.ask("app", "ann", ann.location, ["bob", "cy"]);
  expect(watches.size).toBe(2);
  watches.cancel(ann, ["bob", "cy"]);
  expect(watches.size).toBe(1);
  located("bob", 0);
  expect(tell(ann)).toEqual([`bob 0 ${minute}`]);
  const dan = watches.ask("app", "dan", location({ channelId: "d1" }), ["bob"]);
  watches.cancel(dan, ["bob"]);
  expect([watches.size, dan.isEnded]).toEqual([1, true]);
});

test("agrees with a plain table over random changes", () => {
  const random = new Random(testSeed("presence: random changes"));
  const names = ["ann", "bob", "cy", "dan"] as const;
  const { watches, tell } = fixture();
  /** By account, its connections; by connection, what it may see and was told. */
  const channels = new Map<string, string[]>(names.map((name): [string, string[]] => [name, []]));
  const views = new Map<string, Map<string, number | "denied">>();
  const watchers = new Map<string, Watcher>();
  let made = 0;
  const places = (account: string): Location[] =>
    (channels.get(account) ?? []).map((channelId) => location({ channelId, gateway: "gw" }));
  for (let step = 0; step < 20_000; step++) {
    const account = random.pick(names);
    const own = channels.get(account) ?? [];
    const channelId = own[random.below(Math.max(1, own.length))];
    const other = random.pick(names);
    switch (random.below(6)) {
      case 0:
        if (own.length < 3) own.push(`c${made++}`);
        watches.located("app", account, places(account), minute);
        break;
      case 1: {
        const gone = own.splice(random.below(Math.max(1, own.length)), 1);
        for (const id of gone) views.delete(id);
        watches.located("app", account, places(account), minute);
        break;
      }
      case 2: {
        if (channelId === undefined) break;
        const watcher = watches.ask("app", account, location({ channelId, gateway: "gw" }), [other]);
        watchers.set(channelId, watcher);
        const devices = channels.get(other)?.length ?? 0;
        expect(watches.allow(watcher, other, devices)).toBe(true);
        views.getOrInsertComputed(channelId, () => new Map()).set(other, devices);
        break;
      }
      case 3: {
        watches.block("app", other, account);
        for (const id of own) {
          const view = views.get(id);
          const seen = view?.get(other);
          if (seen === undefined || seen === "denied") continue;
          view?.set(other, "denied");
          const watcher = watchers.get(id);
          // It is told that the account left, if that is news.
          if (watcher === undefined || seen === 0) continue;
          expect(tell(watcher)).toContain(`${other} 0 ${minute}`);
          for (const [name, told] of view ?? [])
            if (told !== "denied") view?.set(name, channels.get(name)?.length ?? 0);
        }
        break;
      }
      case 4:
        if (channelId === undefined) break;
        watches.unwatch(channelId, [other]);
        views.get(channelId)?.delete(other);
        if (views.get(channelId)?.size === 0) views.delete(channelId);
        break;
      default:
        for (const watcher of watches.waiting) {
          const view = views.get(watcher.location.channelId);
          for (const state of tell(watcher)) {
            const [name = "", devices = ""] = state.split(" ");
            expect(view?.get(name)).not.toBe("denied");
            view?.set(name, Number(devices));
          }
        }
        for (const view of views.values())
          for (const [name, told] of view) if (told !== "denied") expect(told).toBe(channels.get(name)?.length ?? 0);
    }
    expect(watches.size).toBe(views.values().reduce((sum, view) => sum + view.size, 0));
  }
});
