// Who holds a data folder or a file of messages: one process, which no other user of the machine can keep from it, under
// whatever name it goes.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockDataFolder, lockStore, openDataFolder } from "../../src/cli/data-folder.ts";
import { StartError } from "../../src/cli/usage-error.ts";

let folder = "";
const unlocks: (() => void)[] = [];
let umask = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-folder-"));
  umask = process.umask(0o022);
});

afterEach(() => {
  process.umask(umask);
  for (const unlock of unlocks.splice(0)) unlock();
  rmSync(folder, { recursive: true });
});

/** The bits of a file's mode that say who may do what. */
const modeOf = (name: string): number => statSync(join(folder, name)).mode & 0o777;

test("the files that are locked are their owner's alone: whoever may read one may lock it", () => {
  unlocks.push(lockDataFolder(openDataFolder(folder)));
  expect(modeOf("lock")).toBe(0o600);
  unlocks.push(lockStore(join(folder, "messages.db"), "alone"));
  expect(modeOf("messages.db-lock")).toBe(0o600);
  unlocks.push(lockStore(join(folder, "others.db"), "shared"));
  expect(modeOf("others.db-lock")).toBe(0o600);
});

test("a file of messages is held under all its names", () => {
  const [path, link] = [join(folder, "messages.db"), join(folder, "link.db")];
  writeFileSync(path, "");
  symlinkSync(path, link);
  for (const [first, second] of [
    [path, link],
    [link, path],
  ] as const) {
    const unlock = lockStore(first, "alone");
    expect(() => lockStore(second, "shared")).toThrow(StartError);
    expect(() => lockStore(second, "alone")).toThrow(`another roost keeps its messages in ${second}`);
    unlock();
    lockStore(second, "shared")();
  }
});

test("those who share a file of messages do so by any name, and are not joined by one that wants it alone", () => {
  const [path, link] = [join(folder, "messages.db"), join(folder, "link.db")];
  writeFileSync(path, "");
  symlinkSync(path, link);
  unlocks.push(lockStore(path, "shared"), lockStore(link, "shared"));
  expect(() => lockStore(link, "alone")).toThrow(StartError);
});

test("what cannot be locked is told in an operator's words", () => {
  const path = join(folder, "missing", "messages.db");
  expect(() => lockStore(path, "alone")).toThrow(/cannot write beside the messages in .*--store/);
  expect(() => lockStore(join(folder, "lock", "below"), "alone")).toThrow(StartError);
  writeFileSync(join(folder, "lock"), "");
  expect(() => lockStore(join(folder, "lock", "below"), "alone")).toThrow(StartError);
});
