// Stores with a journal beside them that a process which was killed has left: part of its transaction is in the file,
// and has to be rolled back before anybody reads. A restore that folds a write-ahead log leaves one, and so does any
// tool for SQLite.

import { Database } from "bun:sqlite";
import { beforeAll, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { copyStore, fillStore, openAt, overwrite, type Filled } from "../support/damaged-store.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { allIds } from "../support/contents.ts";
import { roost } from "./run-roost.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = temporaryFolder("hot-journal-");
const messages = 1_000;
/** A store, and the same one with half of a transaction that changes and deletes everything. */
let whole: Filled;
let half: string;
let places = 0;

/** Starts a transaction on a file, in a process of its own, and waits until a part of it is in the file. */
async function holdHalf(path: string, statements: readonly string[]): Promise<Bun.Subprocess> {
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `const { Database } = require("bun:sqlite");
       const db = new Database(${JSON.stringify(path)});
       for (const sql of ["PRAGMA journal_mode = DELETE", "PRAGMA cache_size = 1", "BEGIN IMMEDIATE",
         ...${JSON.stringify(statements)}]) db.run(sql);
       console.log("half");
       setInterval(() => {}, 1000);`,
    ],
    { stdout: "pipe" },
  );
  await child.stdout.getReader().read();
  expect(statSync(`${path}-journal`).size).toBeGreaterThan(4096);
  return child;
}

/** Starts a transaction on a file and kills its process when a part of it is in the file. */
async function leaveHalf(path: string, statements: readonly string[]): Promise<void> {
  const child = await holdHalf(path, statements);
  child.kill("SIGKILL");
  await child.exited;
}

beforeAll(async () => {
  whole = await fillStore(join(root, "whole.db"), messages);
  half = join(root, "half.db");
  copyStore(whole.path, half);
  await leaveHalf(half, [
    "UPDATE message SET body = 'half' WHERE id IN (SELECT id FROM message ORDER BY id LIMIT 300)",
    "DELETE FROM message WHERE id IN (SELECT id FROM message ORDER BY id DESC LIMIT 500)",
    "UPDATE account SET name = 'half' || number",
  ]);
});

function copied(folder = join(root, `data-${places++}`)): { readonly folder: string; readonly path: string } {
  mkdirSync(folder, { mode: 0o700, recursive: true });
  const path = join(folder, "messages.db");
  copyStore(half, path);
  if (existsSync(indexPathOf(whole.path))) copyFileSync(indexPathOf(whole.path), indexPathOf(path));
  copyFileSync(`${half}-journal`, `${path}-journal`);
  return { folder, path };
}

/** All messages of a file that is a store. */
function rowsOf(path: string): unknown[] {
  const db = new Database(path, { safeIntegers: true });
  try {
    return db
      .query("SELECT m.id, a.name, m.body FROM message m JOIN account a ON a.number = m.inbox ORDER BY m.id")
      .all();
  } finally {
    db.close();
  }
}

test("the check reads what was committed, and finds it right", async () => {
  const { folder, path } = copied();
  const { status, out, err } = await roost("check", "--data", folder);
  expect([status, err]).toEqual([0, ""]);
  expect(out).toContain(`messages: fine: ${path} (${messages}, from`);
  expect(out).toContain(`index: fine: ${indexPathOf(path)} (${messages} messages)`);
  expect((await roost("repair", "--data", folder)).out).toContain("nothing to repair");
}, 60_000);

test("the check finds an index right in which a transaction was cut", async () => {
  const folder = join(root, `data-${places++}`);
  mkdirSync(folder, { mode: 0o700 });
  const path = join(folder, "messages.db");
  copyStore(whole.path, path);
  await leaveHalf(indexPathOf(path), ["UPDATE block SET crc = crc + 1", "DELETE FROM run"]);
  const { status, out } = await roost("check", "--data", folder);
  expect([status, out]).toEqual([0, out]);
  expect(out).toContain("index: fine");
}, 60_000);

test("a purge counts what was committed", async () => {
  const { folder } = copied();
  const { status, err } = await roost("purge", "--retention", "1d", "--data", folder);
  expect([status, err]).toEqual([0, ""]);
}, 60_000);

test("a backup holds what was committed", async () => {
  const { folder } = copied();
  const made = await roost("backup", join(folder, "x.db"), "--data", folder);
  expect([made.status, made.out]).toEqual([0, ""]);
  expect(rowsOf(join(folder, "x.db"))).toEqual(rowsOf(whole.path));
}, 60_000);

test("a restore says what was committed, and keeps it when it replaces the store", async () => {
  const { folder, path } = copied();
  const other = join(folder, "other.db");
  copyFileSync(whole.path, other);
  const asked = await roost("restore", other, "--data", folder);
  expect([asked.status, asked.out]).toEqual([1, ""]);
  expect(asked.err).toContain(`${path} holds ${messages} messages`);
  const { err } = await roost("restore", other, "--replace", "--data", folder);
  const [, kept = ""] = /is kept as ([^;,\s]+);/.exec(err) ?? [];
  expect(rowsOf(kept)).toEqual(rowsOf(whole.path));
}, 60_000);

test("a restore of a file with a journal takes what was committed, or says that it is not all of a store", async () => {
  const { path } = copied();
  const folder = join(root, `data-${places++}`);
  const { status, err } = await roost("restore", path, "--data", folder);
  expect([status, err]).toEqual([1, err]);
  expect(err).toMatch(/messages\.db-journal.*roost backup OTHER --store sqlite:/);
  expect(existsSync(join(folder, "messages.db"))).toBe(false);
}, 60_000);

test("a salvage saves what was committed, of a damaged file, too", async () => {
  for (const page of [undefined, 0]) {
    const { folder, path } = copied();
    if (page !== undefined) overwrite(path, page);
    const { status, out, err } = await roost("repair", "--salvage", "--data", folder);
    expect([status, err]).toEqual([0, ""]);
    expect(out).toContain(`messages: ${messages} saved\n`);
    expect(out).not.toContain("schema");
    expect(rowsOf(path)).toEqual(rowsOf(whole.path));
  }
}, 60_000);

test("while another program is in a transaction, each command says that the store is locked", async () => {
  const folder = join(root, `data-${places++}`);
  mkdirSync(folder, { mode: 0o700 });
  const path = join(folder, "messages.db");
  copyStore(whole.path, path);
  const holder = await holdHalf(path, ["UPDATE message SET body = 'half'"]);
  try {
    for (const words of [["repair"], ["check"], ["backup", join(folder, "never.db")]]) {
      const { status, out, err } = await roost(...words, "--data", folder);
      expect([words, status, out]).toEqual([words, 1, ""]);
      expect(err).toContain("database is locked");
      expect(err.trim().split("\n")).toHaveLength(1);
    }
  } finally {
    holder.kill("SIGKILL");
    await holder.exited;
  }
}, 60_000);

test("a start serves what was committed", async () => {
  const { path } = copied();
  const store = await openAt(path);
  for (const [account, ids] of whole.ids) expect(await allIds(store, account)).toEqual([...ids]);
  await store.close();
  expect(rowsOf(path)).toEqual(rowsOf(whole.path));
}, 60_000);

test.skipIf(!canMount())(
  "where nobody may write, each command says that the journal is in the way, and what to do",
  async () => {
    const disk = new SmallDisk(8);
    try {
      const { path } = copied(disk.folder);
      const before = readFileSync(path);
      const store = ["--store", `sqlite:${path}`];
      expect(Bun.spawnSync(["mount", "-o", "remount,ro", disk.folder]).exitCode).toBe(0);
      for (const words of [["check"], ["backup", join(root, "never.db")]]) {
        const { status, out, err } = await roost(...words, ...store);
        expect([words, status, out]).toEqual([words, 1, ""]);
        expect(err).toMatch(/messages\.db-journal.*writ/);
        expect(err.trim().split("\n")).toHaveLength(1);
      }
      expect(readFileSync(path)).toEqual(before);
    } finally {
      disk.remove();
    }
  },
  60_000,
);
