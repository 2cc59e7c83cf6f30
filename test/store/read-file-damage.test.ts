// The file of read cursors is damaged or missing: the server serves, the cursors that can be read are saved, and people
// with the log or `roost check` learn of it.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { basename, dirname } from "node:path";
import { createLog } from "../../src/base/log.ts";
import { readsPathOf } from "../../src/store/sqlite/conversations/read-file.ts";
import type { Store } from "../../src/store/store.ts";
import { openAt, overwrite, pagesOf, StoreFolder } from "../support/damaged-store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { until } from "../../scripts/harness/until.ts";
import { roost } from "../cli/run-roost.ts";
import { stored, talk } from "./samples.ts";

const stores = new StoreFolder(temporaryFolder("reads-damage-"));
const people = 2_000;

/** A closed store in which each of 2,000 people has read its one message; the message of the last one. */
async function filled(): Promise<{ readonly path: string; readonly ids: readonly bigint[] }> {
  const path = stores.path("reads");
  const store = await openAt(path);
  const talks = Array.from({ length: people }, (_, i) => talk({ dest: `r${i}` }));
  const ids = (await store.append(talks)).map((outcome) => stored(outcome).messageId);
  await Promise.all(ids.map((messageId, i) => read(store, `r${i}`, messageId)));
  await store.close();
  expect(existsSync(`${readsPathOf(path)}-wal`)).toBe(false);
  return { path, ids };
}

const read = (store: Store, account: string, messageId: bigint) =>
  store.markRead({ app: "app", account, toGroup: false, dest: talk().sender, messageId });

/** How many of the people have their cursor: moving it changes nothing. */
async function keptIn(store: Store, ids: readonly bigint[]): Promise<number> {
  const outcomes = await Promise.all(ids.map((id, i) => read(store, `r${i}`, id)));
  return outcomes.filter(({ result }) => result === "unchanged").length;
}

function asides(path: string): string[] {
  const stem = `${basename(readsPathOf(path))}.damaged-`;
  return readdirSync(dirname(path)).filter((name) => name.startsWith(stem) && !name.endsWith("-shm"));
}

/** How many cursors a repair keeps at least, and a backup, which makes no file whole that was cut off. */
const harms: readonly [what: string, harm: (reads: string) => void, keptMin: number, backedUpMin: number][] = [
  [
    "a page of cursors is overwritten",
    (reads) => overwrite(reads, Math.floor(pagesOf(reads) / 2)),
    people * 0.8,
    people * 0.8,
  ],
  ["the header is overwritten", (reads) => overwrite(reads, 0), 0, 0],
  ["the last third is cut off", (reads) => truncateSync(reads, Math.floor((pagesOf(reads) * 2) / 3) * 4096), 1, 0],
];

for (const [what, harm, , keptMin] of harms) {
  test(`${what}: a backup is made, and says that cursors are missing`, async () => {
    const { path, ids } = await filled();
    const [whole, made, other] = [`${path}.whole`, `${path}.backup`, stores.path("restored")];
    const before = await roost("backup", whole, "--store", `sqlite:${path}`);
    expect([before.status, before.err]).toEqual([0, expect.not.stringContaining("cursor")]);
    harm(readsPathOf(path));
    const done = await roost("backup", made, "--store", `sqlite:${path}`);
    expect([done.status, done.err]).toEqual([0, done.err]);
    expect(done.err).toContain(`warning: the file of read cursors ${readsPathOf(path)} is damaged`);
    expect((await roost("restore", made, "--store", `sqlite:${other}`)).status).toBe(0);
    const restored = await openAt(other);
    const kept = await keptIn(restored, ids);
    expect(kept).toBeGreaterThanOrEqual(keptMin);
    expect(kept).toBeLessThan(people);
    await restored.close();
    const over = await roost("backup", readsPathOf(path), "--replace", "--store", `sqlite:${path}`);
    expect([over.status, over.err]).toEqual([1, expect.stringContaining("belongs to the store itself")]);
  }, 60_000);
}

for (const [what, harm, keptMin] of harms) {
  test(`${what}: check says it, repair mends it in one command`, async () => {
    const { path, ids } = await filled();
    harm(readsPathOf(path));
    const found = await roost("check", "--store", `sqlite:${path}`);
    expect([found.status, found.out]).toEqual([1, found.out]);
    expect(found.out).toContain("messages: fine");
    expect(found.out).toContain("read cursors: DAMAGED");
    const repaired = await roost("repair", "--store", `sqlite:${path}`);
    expect([repaired.status, repaired.out]).toEqual([0, repaired.out]);
    expect(repaired.out).toMatch(/^\d+ read cursors? saved; messages whose cursors are lost count as unread again; /);
    expect(asides(path)).not.toEqual([]);
    const after = await roost("check", "--store", `sqlite:${path}`);
    expect([after.status, after.out]).toEqual([0, after.out]);
    const store = await openAt(path);
    const kept = await keptIn(store, ids);
    expect(kept).toBeGreaterThanOrEqual(keptMin);
    expect(kept).toBeLessThan(people);
    expect(repaired.out).toContain(`${kept} read cursor`);
    await store.close();
  }, 60_000);

  test(`${what}: a server repairs it at its start, says so once, and serves`, async () => {
    const { path, ids } = await filled();
    harm(readsPathOf(path));
    const lines: string[] = [];
    const store = await openAt(
      path,
      createLog("info", "text", (line) => lines.push(line)),
    );
    await until(() => lines.some((line) => line.includes("read cursors was damaged")), "the start finds it");
    expect(stored((await store.append([talk({ dest: "r1" })]))[0]).repeated).toBe(false);
    const kept = await keptIn(store, ids);
    expect(kept).toBeGreaterThanOrEqual(keptMin);
    expect(kept).toBeLessThan(people);
    expect(await keptIn(store, ids)).toBe(people);
    expect(lines.filter((line) => line.includes("read cursors"))).toHaveLength(1);
    expect(store.isHealthy).toBe(true);
    await store.close();
    const after = await roost("check", "--store", `sqlite:${path}`);
    expect([after.status, after.out]).toEqual([0, after.out]);
    expect(after.out).toContain(`(${people})`);
  }, 60_000);
}

test("a file that is removed while the server runs is made anew", async () => {
  const { path, ids } = await filled();
  const store = await openAt(path);
  expect(await keptIn(store, ids)).toBe(people);
  for (const end of ["", "-wal", "-shm"]) rmSync(readsPathOf(path) + end, { force: true });
  expect(await keptIn(store, ids)).toBe(0);
  expect(await keptIn(store, ids)).toBe(people);
  await store.close();
  const { status, out } = await roost("check", "--store", `sqlite:${path}`);
  expect([status, out]).toEqual([0, out]);
  expect(out).toContain(`read cursors: fine: ${readsPathOf(path)} (${people})`);
}, 60_000);

test("cursors of nobody, of no conversation and beyond the last id are found and dropped", async () => {
  const { path } = await filled();
  const db = new Database(readsPathOf(path));
  db.run("INSERT INTO read_mark VALUES (999999, 1, 1), (1, -77, 1), (2, 3, 9000000000000000000)");
  db.close();
  const { status, out } = await roost("check", "--store", `sqlite:${path}`);
  expect([status, out]).toEqual([1, out]);
  for (const part of ["accounts that do not exist", "partner or group does not exist", "beyond the last id"])
    expect(out).toContain(part);
  const repaired = await roost("repair", "--store", `sqlite:${path}`);
  expect(repaired.out).toContain(`${people} read cursors saved; the damaged file is kept as`);
  expect((await roost("check", "--store", `sqlite:${path}`)).status).toBe(0);
}, 60_000);
