// Watchers: woken once for all changes of a turn, and in portions when their answers are large.

import { beforeEach, expect, test } from "bun:test";
import type { Clock } from "../../src/base/clock.ts";
import { Watchers } from "../../src/registry/node/watchers.ts";
import { VirtualTime } from "../sim/virtual-time.ts";

/** As many bytes as are written in one turn. */
const turnBytes = 512 * 1024;

let time: VirtualTime;
/** What writing answers has taken so far, which virtual time knows nothing of. */
let spentMs: number;
let turns: number;
let told: string[];
let watchers: Watchers;

beforeEach(() => {
  time = new VirtualTime();
  spentMs = 0;
  turns = 0;
  told = [];
  const clock: Clock = { ...time.clock(0), monotonicMs: () => time.nowMs + spentMs };
  const timers = time.timersOf(() => true);
  watchers = new Watchers(clock, {
    ...timers,
    soon: (action) =>
      timers.soon(() => {
        turns++;
        action();
      }),
  });
});

/** Watches as a client whose answers have this size and take this long. */
function watch(name: string, keys: readonly string[], bytes = 100, costMs = 0): () => void {
  return watchers.watch(keys, (key) => {
    told.push(`${name} ${key}`);
    spentMs += costMs;
    return bytes;
  });
}

test("changes of one turn wake once, at its end", () => {
  watch("ann", ["chat"]);
  watch("bob", ["chat"]);
  for (let change = 0; change < 5; change++) watchers.notify("chat");
  expect(told).toEqual([]);
  time.advance(0);
  expect(told).toEqual(["ann chat", "bob chat"]);
  watchers.notify("chat");
  time.advance(0);
  expect(told).toEqual(["ann chat", "bob chat", "ann chat", "bob chat"]);
});

test("only those who watch a service are woken, by each of their services", () => {
  watch("ann", ["chat", "login"]);
  watch("bob", ["login"]);
  for (const key of ["chat", "login", "nobody's"]) watchers.notify(key);
  time.advance(0);
  expect(told).toEqual(["ann chat", "ann login", "bob login"]);
});

test("who stops watching is woken no more, and stopping twice is nothing", () => {
  const stop = watch("ann", ["chat", "login"]);
  watch("bob", ["chat"]);
  expect(watchers.size).toBe(2);
  watchers.notify("chat");
  stop();
  stop();
  expect(watchers.size).toBe(1);
  time.advance(0);
  expect(told).toEqual(["bob chat"]);
});

test("who stops watching during a wake-up, before its turn, is not woken", () => {
  const stops: (() => void)[] = [];
  for (const name of ["ann", "bob"]) {
    const stop = watchers.watch(["chat"], () => {
      told.push(name);
      for (const each of stops) each();
      return 100;
    });
    stops.push(stop);
  }
  watchers.notify("chat");
  time.advance(0);
  expect(told).toEqual(["ann"]);
  expect(watchers.size).toBe(0);
});

test("who watches anew during its wake-up hears of the next change, not of this one again", () => {
  const again = (): number => {
    told.push("ann");
    watchers.watch(["chat"], again);
    stop();
    return 100;
  };
  const stop = watchers.watch(["chat"], again);
  watchers.notify("chat");
  time.advance(10);
  expect(told).toEqual(["ann"]);
  watchers.notify("chat");
  time.advance(10);
  expect(told).toEqual(["ann", "ann"]);
});

test("a change during a wake-up wakes once more", () => {
  let isFirst = true;
  watchers.watch(["chat"], (key) => {
    told.push("ann");
    if (isFirst) watchers.notify(key);
    isFirst = false;
    return 100;
  });
  watchers.notify("chat");
  time.advance(10);
  expect(told).toEqual(["ann", "ann"]);
});

test("large answers are spread over turns, and each watcher is woken once", () => {
  for (let index = 0; index < 20; index++) watch(`w${index}`, ["chat"], turnBytes / 4);
  watchers.notify("chat");
  const portions: number[] = [];
  // Each turn plans the next one for the same moment of virtual time.
  time.after(0, function look() {
    portions.push(told.length);
    if (told.length < 20) time.after(0, look);
  });
  time.advance(0);
  expect(turns).toBe(5);
  expect(portions).toEqual([4, 8, 12, 16, 20]);
  expect(new Set(told).size).toBe(20);
});

test("small answers all go out in one turn", () => {
  for (let index = 0; index < 1_000; index++) watch(`w${index}`, ["chat"], 200);
  watchers.notify("chat");
  time.advance(0);
  expect(turns).toBe(1);
  expect(told).toHaveLength(1_000);
});

test("who stops watching between two portions is not woken by the second", () => {
  watch("ann", ["chat"], turnBytes);
  const stop = watch("bob", ["chat"], turnBytes);
  watchers.notify("chat");
  time.after(0, stop);
  time.advance(10);
  expect(told).toEqual(["ann chat"]);
});

test("after a slow wake-up changes are gathered for three times as long, and not lost", () => {
  watch("ann", ["chat"], 100, 50);
  watchers.notify("chat");
  time.advance(0);
  for (let change = 0; change < 10; change++) watchers.notify("chat");
  time.advance(149);
  expect(told).toHaveLength(1);
  time.advance(1);
  expect(told).toHaveLength(2);
});

test("the rest after a wake-up is a second at most", () => {
  watch("ann", ["chat"], 100, 5_000);
  watchers.notify("chat");
  time.advance(0);
  watchers.notify("chat");
  time.advance(999);
  expect(told).toHaveLength(1);
  time.advance(1);
  expect(told).toHaveLength(2);
});

test("one service's rest delays no other", () => {
  watch("ann", ["chat"], 100, 1_000);
  watch("bob", ["login"]);
  watchers.notify("chat");
  time.advance(0);
  watchers.notify("login");
  time.advance(0);
  expect(told).toEqual(["ann chat", "bob login"]);
});

test("who begins to watch while a service rests hears of what changed meanwhile", () => {
  const stop = watch("ann", ["chat"], 100, 100);
  watchers.notify("chat");
  time.advance(0);
  stop();
  watch("bob", ["chat"]);
  watchers.notify("chat");
  time.advance(1_000);
  expect(told).toEqual(["ann chat", "bob chat"]);
});

test("a service gathers while it rests from a slow wake-up and has changed since", () => {
  watch("ann", ["chat"], 100, 20);
  expect(watchers.isGathering("chat")).toBe(false);
  watchers.notify("chat");
  time.advance(0);
  expect(watchers.isGathering("chat")).toBe(false);
  watchers.notify("chat");
  expect(watchers.isGathering("chat")).toBe(true);
  const before = told.length;
  watch("bob", ["chat"]);
  time.advance(1_000);
  expect(told.slice(before)).toEqual(["ann chat", "bob chat"]);
  expect(watchers.isGathering("nobody's")).toBe(false);
});
