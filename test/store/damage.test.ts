// Files of messages that are damaged: every start serves or ends with a sentence, and nothing hangs.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createLog } from "../../src/base/log.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { leavesOf, openAt, overwrite, pageBytes, resultOf, StoreFolder } from "../support/damaged-store.ts";
import { allIds } from "../support/contents.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";
import { contentsOf } from "../support/contents.ts";

const root = temporaryFolder("damage-test-");

const stores = new StoreFolder(root);

test("a page met while the store runs: its request is refused, others are served, the log says it once", async () => {
  const whole = await stores.filled(5_000);
  const path = stores.copyOf(whole);
  const leaves = leavesOf(path);
  const middle = leaves.indexOf(Math.floor(readFileSync(path).indexOf("2500 2500 ") / pageBytes));
  expect(middle).toBeGreaterThan(2);
  for (const page of leaves.slice(middle - 2, middle + 3)) overwrite(path, page);
  const lines: string[] = [];
  const log = createLog("info", "text", (line) => lines.push(line));
  const store = await openAt(path, log);
  let refused = 0;
  for (const [account, own] of whole.ids) {
    for (let at = 0; at < own.length; at += 10) {
      const found = await resultOf(contentsOf(store, "app", account, own.slice(at, at + 10)));
      if (typeof found === "string") {
        expect(found).toContain("is damaged");
        refused++;
      } else expect(found).toHaveLength(10);
    }
  }
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(100);
  expect(store.isHealthy).toBe(true);
  expect(store.trouble).toContain("is damaged");
  expect(lines.filter((line) => line.includes("damaged"))).toHaveLength(1);
  expect(stored((await store.append([talk({ dest: "a1" })]))[0]).repeated).toBe(false);
  await store.close();
}, 60_000);

test("of the talks of one batch only the one that needs a damaged page is refused", async () => {
  const path = stores.path("names");
  const first = await openAt(path);
  for (let from = 0; from < 4_000; from += 500) {
    await first.append(Array.from({ length: 500 }, (_, i) => talk({ dest: `${"name".repeat(20)}${from + i}` })));
  }
  await first.close();
  const bytes = readFileSync(path);
  const pagesOf = (name: string): Set<number> => {
    const pages = new Set<number>();
    for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) pages.add(Math.floor(at / pageBytes));
    return pages;
  };
  const isLeaf = (page: number): boolean => [0x0a, 0x0d].includes(bytes[page * pageBytes] ?? 0);
  // In leaves of the table of accounts and of the index of their names: others are needed for more names.
  const name = Array.from({ length: 100 }, (_, i) => `${"name".repeat(20)}${2_000 + i}`).find((one) =>
    [...pagesOf(one)].every(isLeaf),
  );
  if (name === undefined) throw new Error("some of a hundred names are in leaves only");
  for (const page of pagesOf(name)) overwrite(path, page);
  const store = await openAt(path);
  const talks = [name, "new", `${"name".repeat(20)}3999`, `${"name".repeat(20)}1`];
  const results = await Promise.all(talks.map((dest) => resultOf(store.append([talk({ dest })]))));
  expect(results.map((result) => (typeof result === "string" ? "refused" : "stored"))).toEqual([
    "refused",
    "stored",
    "stored",
    "stored",
  ]);
  await until(() => store.isHealthy, "the store commits");
  await store.close();
}, 60_000);

test("half a file, a folder, an empty file beside its write-ahead log: the start ends with a sentence", async () => {
  const whole = await stores.filled(1_000);
  const half = stores.copyOf(whole);
  truncateSync(half, Math.floor(statSync(half).size / 2));
  expect(await resultOf(openAt(half))).toMatch(/is damaged/);
  const folder = join(root, "folder.db");
  mkdirSync(folder);
  expect(await resultOf(openAt(folder))).toMatch(/is a folder; name a file\.$/);
  const empty = stores.copyOf(whole);
  writeFileSync(`${empty}-wal`, Buffer.alloc(pageBytes * 3, 1));
  truncateSync(empty, 0);
  expect(await resultOf(openAt(empty))).toMatch(/is empty, but .*-wal belongs to it/);
  expect(statSync(`${empty}-wal`).size).toBe(pageBytes * 3);
  rmSync(empty);
  expect(await resultOf(openAt(empty))).toMatch(/is missing, but .*-wal belongs to it .* not needed\.$/);
}, 60_000);

test("a folder where the index should be: a sentence, not a crash", async () => {
  const whole = await stores.filled(500);
  const path = stores.copyOf(whole);
  rmSync(indexPathOf(path));
  mkdirSync(indexPathOf(path));
  const store = await resultOf(openAt(path));
  if (typeof store === "string") throw new Error(store);
  expect(store.isHealthy).toBe(false);
  expect(store.trouble).not.toBe("");
  rmSync(indexPathOf(path), { recursive: true });
  await until(() => store.isHealthy, "the store is opened");
  expect(await allIds(store, "a1")).toEqual([...(whole.ids.get("a1") ?? [])]);
  await store.close();
}, 60_000);

test("a write-ahead log of an older store or another program beside the file: both are left alone", async () => {
  const small = await stores.filled(500);
  const whole = await stores.filled(2_000);
  const path = stores.copyOf(whole);
  // A process that was killed leaves its log.
  const other = stores.copyOf(small);
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "store-child.ts"), other, "1000000000"], {
    stdout: "pipe",
  });
  for await (const chunk of child.stdout) if (chunk.length > 0) child.kill("SIGKILL");
  cpSync(`${other}-wal`, `${path}-wal`);
  const logBytes = readFileSync(`${path}-wal`);
  const fileBytes = readFileSync(path);
  expect(await resultOf(openAt(path))).toMatch(/-wal is the write-ahead log of an older or another store/);
  expect(readFileSync(`${path}-wal`).equals(logBytes)).toBe(true);
  expect(readFileSync(path).equals(fileBytes)).toBe(true);

  const foreign = stores.path("foreign");
  const db = new Database(foreign);
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA application_id = 7");
  db.run(
    `CREATE TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500)
      SELECT hex(randomblob(4000)) AS x FROM n`,
  );
  cpSync(`${foreign}-wal`, `${path}-wal`);
  db.close();
  expect(await resultOf(openAt(path))).toMatch(/-wal is the write-ahead log of another program's database/);
  rmSync(`${path}-wal`);
  const store = await openAt(path);
  expect(await allIds(store, "a1")).toEqual([...(whole.ids.get("a1") ?? [])]);
  await store.close();
}, 60_000);

test("a last id below a message it holds: the start ends with a sentence, and no id is given out twice", async () => {
  const whole = await stores.filled(500);
  const path = stores.copyOf(whole);
  const log = new Database(path);
  log.run("UPDATE sequence SET last_id = last_id - 100000000");
  log.close();
  expect(await resultOf(openAt(path))).toMatch(/is damaged: its last id is/);
}, 60_000);

test("rows of a type that no writer writes are distinguished from a bug", async () => {
  const whole = await stores.filled(1_000);
  for (const sql of [
    "UPDATE message SET inbox = 'x' WHERE id = (SELECT max(id) FROM message)",
    "UPDATE message SET sent_ns = 'x' WHERE id = (SELECT max(id) FROM message)",
    "UPDATE message SET inbox = 1 << 40 WHERE id = (SELECT max(id) FROM message)",
    "UPDATE message SET body = x'00ff'",
    "DROP TABLE cursor",
    "UPDATE sequence SET last_id = NULL",
  ]) {
    const path = stores.copyOf(whole);
    rmSync(indexPathOf(path));
    const log = new Database(path);
    const isRefused = /NULL/.test(sql);
    if (isRefused) log.run("PRAGMA ignore_check_constraints = ON");
    try {
      log.run(sql);
    } catch (error) {
      if (!isRefused) throw error;
    }
    log.close();
    const store = await resultOf(openAt(path));
    if (typeof store === "string") {
      expect(store).toContain("is damaged");
      continue;
    }
    for (const [account, own] of whole.ids) {
      await resultOf(allIds(store, account));
      await resultOf(contentsOf(store, "app", account, own.slice(-100)));
      await resultOf(store.acknowledge("app", account, "", own[0] ?? 1n));
    }
    await store.close();
  }
}, 60_000);

test("a link in place of the file: the store is that of the file, and its files lie beside the file", async () => {
  const whole = await stores.filled(500);
  const path = stores.copyOf(whole);
  const link = join(mkdtempSync(join(root, "link-")), "messages.db");
  symlinkSync(path, link);
  const store = await openAt(link);
  for (let i = 0; i < 5; i++) expect(stored((await store.append([talk({ dest: "a1" })]))[0]).repeated).toBe(false);
  expect(store.isHealthy).toBe(true);
  expect(await allIds(store, "a1")).toHaveLength(55);
  await store.close();
  expect(readdirSync(join(link, ".."))).toEqual(["messages.db"]);
}, 60_000);

test.skipIf(process.geteuid?.() !== 0)(
  "a file of another user ends the start with a sentence that names the user",
  async () => {
    const whole = await stores.filled(500);
    const path = stores.copyOf(whole);
    const child = Bun.spawn(
      [
        "setpriv",
        "--reuid",
        "65534",
        "--clear-groups",
        process.execPath,
        join(import.meta.dir, "store-child.ts"),
        path,
        "1",
      ],
      { stdout: "ignore", stderr: "pipe" },
    );
    chmodSync(root, 0o777);
    chmodSync(path, 0o600);
    expect(await new Response(child.stderr).text()).toMatch(/cannot be read by the user 65534|EACCES/);
    expect(await child.exited).not.toBe(0);
  },
  60_000,
);
