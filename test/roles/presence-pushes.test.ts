// When watchers are told, with sessions that answer late, fail, or have missed changes.

import { expect, test } from "bun:test";
import { PresencePushes } from "../../src/roles/chat/presence/presence-pushes.ts";
import { Watches, type Watcher } from "../../src/roles/chat/presence/watches.ts";
import { type Location, type PresenceListener, SessionsUnavailable } from "../../src/session/sessions.ts";
import { location } from "../session/locations.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { shown } from "./presence-stage.ts";

function fixture() {
  const time = new ManualTimers();
  const watches = new Watches();
  const accounts = new Map<string, Location[]>();
  const bugs: unknown[] = [];
  const told: string[][] = [];
  const asked: (readonly string[])[] = [];
  const engine = {
    failure: undefined as Error | undefined,
    held: undefined as Promise<void> | undefined,
    isPressed: false,
  };
  const left: string[] = [];
  let listener: PresenceListener | undefined;
  const pushes = new PresencePushes({
    ...{ watches, clock: time, timers: time },
    sessions: {
      watchPresence: (given) => {
        listener = given;
        return () => void (listener = undefined);
      },
      locate: async (_, names) => {
        asked.push(names);
        if (engine.failure !== undefined) throw engine.failure;
        const found = names.map((name) => [...(accounts.get(name) ?? [])]);
        await engine.held;
        return found;
      },
    },
    dispatcher: {
      offer: (_, body) => {
        told.push(shown(body()));
        return true;
      },
    },
    metrics: { bug: (bug) => void bugs.push(bug) },
    isPressed: () => engine.isPressed,
    left: (_, account) => void left.push(account),
  });
  const watch = (account: string, channelId: string, names: readonly string[]): Watcher => {
    const place = location({ channelId });
    accounts.getOrInsertComputed(account, () => []).push(place);
    const watcher = watches.ask("app", account, place, names);
    for (const name of names) watches.allow(watcher, name, accounts.get(name)?.length ?? 0);
    return watcher;
  };
  /** An account has that many devices; the engine tells so. */
  const becomes = (account: string, devices: number): void => {
    const before = accounts.get(account)?.length ?? 0;
    accounts.set(
      account,
      Array.from({ length: devices }, () => location()),
    );
    if (devices === 0) listener?.offline("app", account);
    else if (before === 0) listener?.online("app", account);
    else listener?.moved?.("app", account);
  };
  const pass = (ms = 1_100): Promise<void> => time.pass(ms, 100);
  return { time, watches, accounts, bugs, told, asked, engine, left, pushes, watch, becomes, pass, of: () => listener };
}

test("an engine that is away is asked again each second, and nothing is lost", async () => {
  const { watch, becomes, engine, told, asked, pass, bugs, time } = fixture();
  watch("ann", "a1", ["bob", "cy"]);
  engine.failure = new SessionsUnavailable("away");
  becomes("bob", 1);
  await pass(3_500);
  expect([asked.length, told]).toEqual([3, []]);
  becomes("cy", 2);
  engine.failure = undefined;
  await pass();
  expect(told.map((states) => states.toSorted())).toEqual([["bob 1 0", "cy 2 0"]]);
  expect(bugs).toEqual([]);
  await pass();
  expect(time.pending).toBe(0);
});

test("a change that comes while the sessions are read is told a second later, and ends no watch", async () => {
  const { watch, becomes, engine, told, pass, watches, accounts, of } = fixture();
  const first = watch("ann", "a1", ["bob"]);
  const held = Promise.withResolvers<void>();
  engine.held = held.promise;
  becomes("bob", 1);
  of()?.moved?.("app", "ann");
  await pass();
  // Read without these: another connection of the watcher, which watches at once, and another device.
  of()?.moved?.("app", "ann");
  const second = watch("ann", "a2", ["bob"]);
  becomes("bob", 2);
  held.resolve();
  engine.held = undefined;
  await pass(200);
  expect([first.isEnded, second.isEnded]).toEqual([false, false]);
  await pass();
  expect(told.at(-1)).toEqual(["bob 2 0"]);
  expect(watches.size).toBe(2);
  accounts.set("ann", []);
  of()?.offline("app", "ann");
  await pass();
  expect(watches.size).toBe(0);
});

test("after a loss of changes everybody who watches or is watched is read, in slices", async () => {
  const { watch, accounts, told, asked, pass, watches, of, engine, time } = fixture();
  const names = Array.from({ length: 2_500 }, (_, at) => `n${at}`);
  watch("ann", "a1", names);
  watch("dan", "d1", ["n7"]);
  accounts.set("n7", [location()]);
  accounts.set("dan", []);
  engine.failure = new SessionsUnavailable("away");
  of()?.reset?.();
  await pass();
  expect(asked).toHaveLength(1);
  engine.failure = undefined;
  await pass();
  for (let turn = 0; turn < 20; turn++) await Bun.sleep(0);
  const read = asked.slice(1);
  expect(read.map(({ length }) => length)).toEqual([1_000, 1_000, 502]);
  expect(new Set(read.flat()).size).toBe(2_502);
  expect([told, watches.size]).toEqual([[["n7 1 0"]], 2_500]);
  await pass();
  expect(time.pending).toBe(0);
});

test("nothing is read for accounts that nobody watches, and who leaves is noted", async () => {
  const { watch, becomes, asked, left, pass, time } = fixture();
  watch("ann", "a1", ["bob"]);
  for (let at = 0; at < 100; at++) becomes(`x${at % 10}`, at % 2);
  await pass();
  expect([asked.length, time.pending, left.length]).toEqual([0, 0, 50]);
});

test("while much waits for clients nothing is told, and what is true then later", async () => {
  const { watch, becomes, engine, told, pass } = fixture();
  watch("ann", "a1", ["bob", "cy"]);
  engine.isPressed = true;
  becomes("bob", 1);
  becomes("cy", 1);
  await pass(3_000);
  expect(told).toEqual([]);
  becomes("cy", 0);
  engine.isPressed = false;
  await pass();
  expect(told).toEqual([["bob 1 0"]]);
});

test("once stopped, nothing is told", async () => {
  const { watch, becomes, told, pass, pushes, of } = fixture();
  watch("ann", "a1", ["bob"]);
  becomes("bob", 1);
  pushes.stop();
  await pass(3_000);
  expect([told, of()]).toEqual([[], undefined]);
});
