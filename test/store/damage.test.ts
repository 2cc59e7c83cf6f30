// Files of messages that are damaged: every start serves or ends with a sentence, and nothing hangs.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "../../src/base/log.ts";
import { indexPathOf } from "../../src/store/sqlite/index-file.ts";
import {
  allIds,
  copyStore,
  fillStore,
  openAt,
  overwrite,
  pageBytes,
  resultOf,
  type Filled,
} from "../support/damaged-store.ts";
import { until } from "../support/until.ts";
import { stored, talk } from "./store-suite.ts";

const root = mkdtempSync(join(tmpdir(), "damage-test-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let places = 0;
const filled = (count: number): Promise<Filled> => fillStore(join(root, `filled-${places++}.db`), count);

/** A copy of a store, to be harmed. */
function copyOf({ path }: Filled): string {
  const copy = join(root, `copy-${places++}.db`);
  copyStore(path, copy);
  return copy;
}

/** Starts, asks for everything, writes; whatever is answered is right. */
async function startAndAsk(path: string, ids: Filled["ids"]): Promise<"serves" | "ends"> {
  const store = await resultOf(openAt(path));
  if (typeof store === "string") {
    expect(store).toContain(path);
    expect(store).toContain("roost repair --salvage");
    expect(store).not.toContain("Check that its folder exists");
    return "ends";
  }
  for (const [account, own] of ids) {
    const found = await resultOf(allIds(store, account));
    if (typeof found !== "string") expect(found).toEqual([...own]);
    const contents = await resultOf(store.contents("app", account, own.slice(0, 100)));
    if (typeof contents !== "string") for (const { body } of contents) expect(body).toMatch(/^(\d+ )+$/);
  }
  await resultOf(store.append([talk({ dest: "a1" })]));
  await store.close();
  return "serves";
}

test("a page of the log that was overwritten: each start serves or ends with a sentence, whichever page it is", async () => {
  const whole = await filled(2_000);
  const pages = statSync(whole.path).size / pageBytes;
  const ends: number[] = [];
  for (let page = 0; page < pages; page++) {
    const path = copyOf(whole);
    overwrite(path, page);
    if ((await startAndAsk(path, whole.ids)) === "ends") ends.push(page);
  }
  // The head of the file at least.
  expect(ends).toContain(0);
  expect(ends.length).toBeLessThan(pages);
}, 240_000);

test("a page of the log that was overwritten ends a start that has to make the index, too", async () => {
  const whole = await filled(1_000);
  const pages = statSync(whole.path).size / pageBytes;
  for (let page = 1; page < pages; page += 3) {
    const path = copyOf(whole);
    rmSync(indexPathOf(path));
    overwrite(path, page);
    await startAndAsk(path, whole.ids);
  }
}, 120_000);

test("a page of the index that was overwritten: it is made again, and nothing is missing in any answer", async () => {
  const whole = await filled(2_000);
  const pages = statSync(indexPathOf(whole.path)).size / pageBytes;
  for (let page = 0; page < pages; page++) {
    const path = copyOf(whole);
    overwrite(indexPathOf(path), page);
    const store = await openAt(path);
    for (const [account, own] of whole.ids) {
      await until(async () => {
        const found = await resultOf(allIds(store, account));
        if (typeof found === "string") return false;
        expect(found).toEqual([...own]);
        return true;
      }, "the index answers");
    }
    await store.close();
  }
}, 240_000);

test("a page that is met while the store runs: that request is refused, all others are served, the log says it once", async () => {
  const whole = await filled(5_000);
  const path = copyOf(whole);
  const pages = statSync(path).size / pageBytes;
  for (let page = Math.floor(pages / 2); page < pages / 2 + 5; page++) overwrite(path, page);
  const lines: string[] = [];
  const log = createLog("info", "text", (line) => lines.push(line));
  const store = await openAt(path, log);
  let refused = 0;
  for (const [account, own] of whole.ids) {
    for (let at = 0; at < own.length; at += 10) {
      const found = await resultOf(store.contents("app", account, own.slice(at, at + 10)));
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
  const path = join(root, `names-${places++}.db`);
  const first = await openAt(path);
  for (let from = 0; from < 4_000; from += 500) {
    await first.append(Array.from({ length: 500 }, (_, i) => talk({ dest: `${"name".repeat(20)}${from + i}` })));
  }
  await first.close();
  const bytes = readFileSync(path);
  const name = `${"name".repeat(20)}2000`;
  // In the table of accounts and in the index of their names: leaves.
  const pages = new Set<number>();
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at + 1)) pages.add(Math.floor(at / pageBytes));
  for (const page of pages) if ([0x0a, 0x0d].includes(bytes[page * pageBytes] ?? 0)) overwrite(path, page);
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
  const whole = await filled(1_000);
  const half = copyOf(whole);
  truncateSync(half, Math.floor(statSync(half).size / 2));
  expect(await resultOf(openAt(half))).toMatch(/is damaged/);
  const folder = join(root, "folder.db");
  mkdirSync(folder);
  expect(await resultOf(openAt(folder))).toMatch(/is a folder/);
  const empty = copyOf(whole);
  writeFileSync(`${empty}-wal`, Buffer.alloc(pageBytes * 3, 1));
  truncateSync(empty, 0);
  expect(await resultOf(openAt(empty))).toMatch(/is empty, but .*-wal belongs to it/);
  expect(statSync(`${empty}-wal`).size).toBe(pageBytes * 3);
  rmSync(empty);
  expect(await resultOf(openAt(empty))).toMatch(/is missing, but .*-wal belongs to it/);
}, 60_000);

test("a folder where the index should be: a sentence, not a crash", async () => {
  const whole = await filled(500);
  const path = copyOf(whole);
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
