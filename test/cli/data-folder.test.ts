// Who holds a data folder or a file of messages: one process, which no other user of the machine can keep from it,
// under whatever name it goes.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureSecret } from "../../src/auth/secret.ts";
import { openLockFile } from "../../src/base/lock-file.ts";
import { createLog, silentLog } from "../../src/base/log.ts";
import { lockDataFolder, lockStore, makeDataFolder } from "../../src/cli/data-folder.ts";
import { databasePath } from "../../src/cli/store-place.ts";
import { StartError } from "../../src/cli/usage-error.ts";
import { SessionFile } from "../../src/session/sqlite/session-file.ts";

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

test("only their owner may read the locked files: a reader could take the lock", () => {
  unlocks.push(lockDataFolder(makeDataFolder(folder, silentLog).path));
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
    expect(() => lockStore(second, "alone")).toThrow(`another roost uses the message file ${second}`);
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

test("a lock that cannot be taken is reported in an operator's words", () => {
  const path = join(folder, "missing", "messages.db");
  expect(() => lockStore(path, "alone")).toThrow(/cannot write to the folder of .*--store/);
  expect(() => lockStore(join(folder, "lock", "below"), "alone")).toThrow(StartError);
  writeFileSync(join(folder, "lock"), "");
  expect(() => lockStore(join(folder, "lock", "below"), "alone")).toThrow(StartError);
});

test("a lock file of an earlier version that others can read becomes its owner's alone", () => {
  for (const name of ["lock", "messages.db-lock", "sessions.db-lock"]) {
    writeFileSync(join(folder, name), "", { mode: 0o644 });
    openLockFile(join(folder, name)).close();
    expect([name, modeOf(name)]).toEqual([name, 0o600]);
  }
});

test("whatever the umask is, folders, locks and secrets are their owner's alone", () => {
  process.umask(0);
  const path = makeDataFolder(join(folder, "a", "data"), silentLog).path;
  unlocks.push(lockDataFolder(path));
  ensureSecret(path);
  databasePath(`sqlite:${join(folder, "b", "c", "messages.db")}`, "--store", silentLog);
  SessionFile.open(join(folder, "sessions.db"), undefined, () => undefined).close();
  for (const name of ["a", "a/data", "b", "b/c"]) expect([name, modeOf(name)]).toEqual([name, 0o700]);
  for (const name of ["a/data/lock", "a/data/secret", "sessions.db", "sessions.db-lock"])
    expect([name, modeOf(name)]).toEqual([name, 0o600]);
});

test("a folder of data that others can change is warned of", () => {
  const lines: string[] = [];
  const log = createLog("warn", "text", (line) => lines.push(line));
  for (const [mode, warning] of [
    [0o777, 'changer="everybody"'],
    [0o1777, 'changer="everybody"'],
    [0o770, 'changer="its group"'],
    [0o755, undefined],
  ] as const) {
    chmodSync(folder, mode);
    makeDataFolder(folder, log);
    const said = lines.splice(0).join("");
    if (warning === undefined) expect(said).toBe("");
    else expect(said).toContain(warning);
  }
});

test("a database's path at which no file can be is refused", () => {
  for (const path of [folder, "/dev/zero"])
    expect(() => databasePath(`sqlite:${path}`, "--store", silentLog)).toThrow(`--store: ${path} is not a file`);
  expect(() => databasePath("sqlite:/proc/nothing/below", "ROOST_STORE", silentLog)).toThrow(
    /^ROOST_STORE: cannot create/,
  );
});
