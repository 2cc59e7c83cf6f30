// What a chat node remembers of what it has told.

import { expect, test } from "bun:test";
import { ToldChanges } from "../../src/roles/chat/told-changes.ts";

const name = { toGroup: false, dest: "bob" } as const;

test("what was told is told no more: an entry, a version of an account's own state, a read cursor", () => {
  const told = new ToldChanges();
  expect([5n, 5n, 6n, 5n].map((id) => told.tellEntry("app", id))).toEqual([false, true, false, true]);
  expect(told.tellEntry("other", 5n)).toBe(false);
  expect([5n, 5n, 6n].map((version) => told.tellState("app", "ann", version))).toEqual([false, true, false]);
  expect([5n, 5n, 6n].map((id) => told.tellRead("app", "ann", name, id))).toEqual([false, true, false]);
  expect(told.tellRead("app", "ann", { ...name, toGroup: true }, 5n)).toBe(false);
});

test("an entry that could not be told is told again, and one that is not known never", () => {
  const told = new ToldChanges();
  told.tellEntry("app", 5n);
  told.forgetEntry("app", 5n);
  expect([5n, 5n].map((id) => told.tellEntry("app", id))).toEqual([false, true]);
  expect([0n, 0n].map((id) => told.tellEntry("app", id))).toEqual([true, true]);
});

test("the oldest of ten thousand are forgotten first; read cursors displace no entries", () => {
  const told = new ToldChanges();
  for (let id = 1n; id <= 10_000n; id++) told.tellEntry("app", id);
  for (let id = 0n; id < 20_000n; id++) told.tellRead("app", "ann", name, id);
  expect(told.tellEntry("app", 1n)).toBe(true);
  expect(told.tellEntry("app", 10_001n)).toBe(false);
  expect(told.tellEntry("app", 2n)).toBe(true);
  expect(told.tellEntry("app", 1n)).toBe(false);
});

test("an entry that was forgotten and told again is the newest one", () => {
  const told = new ToldChanges();
  for (let id = 1n; id <= 10_001n; id++) told.tellEntry("app", id);
  // The first one was forgotten for the last one; the second one is the oldest now.
  told.forgetEntry("app", 2n);
  expect([2n, 10_002n].map((id) => told.tellEntry("app", id))).toEqual([false, false]);
  expect([2n, 4n].map((id) => told.tellEntry("app", id))).toEqual([true, true]);
  expect(told.tellEntry("app", 3n)).toBe(false);
});

test("a change of a group is told again after a minute at most, and after half a minute at the earliest", () => {
  const told = new ToldChanges();
  const request = { app: "app", actor: "ann", command: "chat.group.role", body: Buffer.from("bob") };
  const tell = (receivedMs: number, other: Partial<typeof request> = {}): boolean =>
    told.tellGroup({ ...request, ...other, receivedMs });
  expect([0, 29_999, 30_000, 59_999, 60_000].map((ms) => tell(ms))).toEqual([false, true, true, true, true]);
  expect([120_000, 149_999].map((ms) => tell(ms))).toEqual([false, true]);
  // Another request is another change.
  const others = [{ app: "other" }, { actor: "bob" }, { command: "chat.group.mute" }, { body: Buffer.from("eve") }];
  expect(others.map((other) => tell(149_999, other))).toEqual([false, false, false, false]);
});
