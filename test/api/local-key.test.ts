// The key that a standalone server makes for its operator: its file, and its row in the store.

import { expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { draftOf, localKeyName, newKey, newKeyText } from "../../src/api/keys/api-key.ts";
import { KeyDesk } from "../../src/api/keys/key-desk.ts";
import { keepLocalKey } from "../../src/api/keys/local-key.ts";
import type { Log } from "../../src/base/log.ts";
import { silentLog } from "../../src/base/log.ts";
import { systemRandom } from "../../src/base/random.ts";
import { readLocalKey } from "../../src/cli/local-key-file.ts";
import { StartError } from "../../src/cli/usage-error.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { MemoryKeys } from "../support/memory-keys.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const wish = { app: "*", scopes: ["*"], name: localKeyName };

function stage() {
  const keys = new MemoryKeys();
  const timers = new ManualTimers();
  const lines: string[] = [];
  const note = (sentence: string): void => void lines.push(sentence);
  const log: Log = { ...silentLog, info: note, warn: note };
  const bugMet = (bug: unknown): void => {
    throw bug;
  };
  const keep = (text: string) => keepLocalKey({ keys, text, timers, log, bugMet });
  return { keys, timers, lines, keep };
}

test("the file is made once, for this user alone, and is read from then on", () => {
  const folder = temporaryFolder("local-key-");
  const undo: (() => void)[] = [];
  const key = readLocalKey(folder, undo);
  const path = join(folder, "api-key");
  expect(key).toMatch(/^rk_[0-9A-Za-z]{43}$/);
  expect(readFileSync(path, "utf8")).toBe(`${key}\n`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readLocalKey(folder, undo)).toBe(key);
  expect(undo).toHaveLength(1);
  undo[0]?.();
  expect(readLocalKey(folder, [])).not.toBe(key);
});

test("a file that others may read or change, or that is no key, is refused with what to do", () => {
  const folder = temporaryFolder("local-key-");
  const path = join(folder, "api-key");
  readLocalKey(folder, []);
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644]) {
    chmodSync(path, mode);
    expect(() => readLocalKey(folder, [])).toThrow(`other users can read or change ${path}`);
  }
  chmodSync(path, 0o600);
  for (const text of ["", "rk_short\n", `${newKeyText(systemRandom)}\n${newKeyText(systemRandom)}\n`]) {
    writeFileSync(path, text);
    expect(() => readLocalKey(folder, [])).toThrow(StartError);
  }
  rmSync(path);
  expect(readLocalKey(folder, [])).toMatch(/^rk_/);
});

test("the row of the file's key permits everything, in all apps, and is made once", async () => {
  const { keys, keep, lines } = stage();
  const { text, draft } = newKey(wish, systemRandom);
  await keep(text).tried;
  await keep(text).tried;
  expect([...keys.byId.values()]).toEqual([expect.objectContaining(draft)]);
  expect(lines).toEqual([]);
});

test("the key of a former file is revoked, others' keys are not, and nobody makes one of its name", async () => {
  const { keys, keep, lines } = stage();
  const [former, next] = [newKey(wish, systemRandom), newKey(wish, systemRandom)];
  const desk = new KeyDesk({ keys, random: systemRandom, log: silentLog });
  const other = await desk.create({ app: "*", scopes: ["*"], name: "ops" });
  await keep(former.text).tried;
  await keep(next.text).tried;
  expect(keys.byId.get(former.draft.id)?.revokedMs).toBeGreaterThan(0);
  expect([other.key.id, next.draft.id].map((id) => keys.byId.get(id)?.revokedMs)).toEqual([0, 0]);
  expect(lines).toEqual(["the key of a former file api-key was revoked"]);
  await expect(desk.create(wish)).rejects.toThrow("name: expected 1 to 64 visible characters");
});

test("one that was revoked stays so, and the operator is told what to do", async () => {
  const { keys, keep, lines } = stage();
  const text = newKeyText(systemRandom);
  await keep(text).tried;
  await keys.revoke(draftOf(text, wish).id);
  await keep(text).tried;
  expect(lines).toEqual([expect.stringContaining("was revoked; delete the file api-key")]);
});

test("a store that is away gets it when it is back", async () => {
  const { keys, timers, keep } = stage();
  keys.isAway = true;
  await keep(newKeyText(systemRandom)).tried;
  timers.advance(1_000);
  await Bun.sleep(0);
  expect([keys.writes, keys.byId.size]).toEqual([2, 0]);
  keys.isAway = false;
  timers.advance(1_000);
  await Bun.sleep(0);
  expect(keys.byId.size).toBe(1);
});

test("a server that has stopped tries no more", async () => {
  const { keys, timers, keep } = stage();
  keys.isAway = true;
  const kept = keep(newKeyText(systemRandom));
  await kept.tried;
  kept.stop();
  timers.advance(10_000);
  await Bun.sleep(0);
  expect(keys.writes).toBe(1);
});
