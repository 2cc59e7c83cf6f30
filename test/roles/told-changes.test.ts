// What a chat node remembers of what it has told.

import { expect, test } from "bun:test";
import { ToldChanges } from "../../src/roles/chat/told-changes.ts";
import type { MessageChange } from "../../src/store/conversations.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const given = { app: "app", actor: "ann", messageId: 7n } as const;
const recall: MessageChange = { ...given, kind: "recall", windowMs: 0 };
const edit = (clientId: string): MessageChange => ({
  ...given,
  kind: "edit",
  body: "",
  extra: "",
  clientId,
  windowMs: 0,
});
const react = (isOff: boolean): MessageChange => ({ ...given, kind: "react", reaction: "r", isOff });

function fixture() {
  const timers = new ManualTimers();
  return { timers, told: new ToldChanges(timers) };
}

test("what was told is told no more: an edit by its key, a recall whoever repeats it", () => {
  const { told } = fixture();
  expect([recall, { ...recall, actor: "bob" }].map((change) => told.tellChange(change))).toEqual([false, true]);
  expect(["a", "a", "b", "", ""].map((key) => told.tellChange(edit(key)))).toEqual([false, true, false, false, false]);
  expect(told.tellChange({ ...recall, app: "other" })).toBe(false);
  expect([5n, 5n, 6n].map((version) => told.tellState("app", "ann", version))).toEqual([false, true, false]);
  const name = { toGroup: false, dest: "bob" };
  expect([5n, 5n, 6n].map((id) => told.tellRead("app", "ann", name, id))).toEqual([false, true, false]);
  expect(told.tellRead("app", "ann", { ...name, toGroup: true }, 5n)).toBe(false);
});

test("a reaction counts as told for half a minute, and until it is taken back", () => {
  const { timers, told } = fixture();
  expect([false, false, true, true, false].map((isOff) => told.tellChange(react(isOff)))).toEqual([
    false,
    true,
    false,
    true,
    false,
  ]);
  timers.advance(30_000);
  expect(told.tellChange(react(false))).toBe(true);
  timers.advance(1);
  expect(told.tellChange(react(false))).toBe(false);
});

test("the oldest of ten thousand are forgotten first; read cursors displace no changes", () => {
  const { told } = fixture();
  for (let at = 0; at < 10_000; at++) told.tellChange(edit(`${at}`));
  for (let id = 0n; id < 20_000n; id++) told.tellRead("app", "ann", { toGroup: false, dest: "bob" }, id);
  expect(told.tellChange(edit("0"))).toBe(true);
  expect(told.tellChange(edit("one more"))).toBe(false);
  expect(told.tellChange(edit("1"))).toBe(true);
  expect(told.tellChange(edit("0"))).toBe(false);
});
