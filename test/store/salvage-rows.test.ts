// Salvages of files in which single rows are damaged, and of pages that lead in a circle: each row that is left out is
// counted, and each search ends.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { PageFile, pageBytes, type BtreePage } from "../../src/store/sqlite/salvage/btree-page.ts";
import { salvage } from "../../src/store/sqlite/salvage/salvage.ts";
import type { TableReport } from "../../src/store/sqlite/salvage/table-copy.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { findRoots, soughtOf } from "../../src/store/sqlite/salvage/table-search.ts";
import { overwrite } from "../support/damaged-store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const root = temporaryFolder("salvage-rows-");
const idBase = 1n << 60n;
const idOf = (i: number): bigint => idBase + BigInt(i) * 5000n;
let places = 0;

/** Makes a store with messages and with as many accounts. */
function storeOf(count: number): string {
  const path = join(root, `${places++}.db`);
  const db = new Database(path, { create: true, safeIntegers: true, strict: true });
  migrate(db, path);
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${count})`;
  db.run(`${numbers} INSERT INTO account SELECT i, 'app', printf('name-%04d', i) FROM n`);
  db.run(
    `${numbers} INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id)
      SELECT ${idBase} + i * 5000, i, i, 1, printf('text %0200d', i), '', ${idBase}, NULL FROM n`,
  );
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
  return path;
}

interface Leaf {
  readonly number: number;
  readonly page: BtreePage;
}

/** The leaves of a table, in the order of its rows. */
function leavesOf(path: string, table: string): Leaf[] {
  const db = new Database(path, { readonly: true });
  const number = db
    .query<{ rootpage: number }, [string]>("SELECT rootpage FROM sqlite_schema WHERE name = ?")
    .get(table)?.rootpage;
  db.close();
  const file = new PageFile(path);
  const below = (at: number): Leaf[] => {
    const page = file.btree(at);
    if (page === undefined) throw new Error(`page ${at} is no page of a table`);
    return page.isLeaf ? [{ number: at, page }] : page.children.flatMap(below);
  };
  const leaves = below(number ?? 0);
  file.close();
  return leaves;
}

function writeAt(path: string, at: number, bytes: Buffer): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

/**
 * Makes the type of a message NULL, by one byte: the head of its record says 9, the number one, which takes no bytes.
 */
function spoil(path: string, { number, page }: Leaf, index: number): void {
  let at = page.cells[index] ?? 0;
  for (let varints = 0; varints < 2; varints++) {
    const from = at;
    while ((page.bytes[at++] ?? 0) >= 0x80 && at < from + 9);
  }
  // The length of the head, then the types of id, inbox and sender.
  at += 4;
  expect(page.bytes[at]).toBe(9);
  writeAt(path, (number - 1) * pageBytes + at, Buffer.from([0]));
}

function reportOf(path: string, table: string): TableReport | undefined {
  return salvage(path, `${path}.saved`, () => undefined).tables.find((one) => one.table === table);
}

test("messages with NULL in a column that is never NULL are reported with their ids", () => {
  const path = storeOf(100);
  const [leaf] = leavesOf(path, "message");
  if (leaf === undefined) throw new Error("no leaf");
  for (const index of [0, 2, 3, 5, 7]) spoil(path, leaf, index);
  expect(reportOf(path, "message")).toEqual({
    table: "message",
    rows: 95,
    gaps: [],
    found: 0,
    invalid: 5,
    invalidKeys: [1, 3, 4, 6, 8].map(idOf),
  });
});

test("roost repair tells how many messages are invalid, and the first ids of them", () => {
  const path = storeOf(100);
  const [leaf] = leavesOf(path, "message");
  if (leaf === undefined) throw new Error("no leaf");
  for (let index = 0; index < 12; index++) spoil(path, leaf, index);
  const main = join(import.meta.dir, "../../src/main.ts");
  const { stdout, exitCode } = Bun.spawnSync([
    process.execPath,
    main,
    "repair",
    "--salvage",
    "--store",
    `sqlite:${path}`,
  ]);
  const ids = Array.from({ length: 10 }, (_, i) => idOf(i + 1)).join(", ");
  expect(stdout.toString()).toContain(
    `messages: 88 saved, 12 invalid\n  invalid, and not saved: ids ${ids} and 2 more\n`,
  );
  expect(exitCode).toBe(0);
});

test("an invalid message that is read twice, because damage follows it, is counted once", () => {
  const path = storeOf(200);
  const [first, second] = leavesOf(path, "message");
  if (first === undefined || second === undefined) throw new Error("fewer than two leaves");
  const last = first.page.cells.length;
  spoil(path, first, last - 1);
  overwrite(path, second.number - 1);
  const report = reportOf(path, "message");
  expect(report).toMatchObject({ invalid: 1, invalidKeys: [idOf(last)] });
  expect(report?.gaps).toHaveLength(1);
});

test("an account that has the name of another one is counted", () => {
  const path = storeOf(20);
  const [leaf] = leavesOf(path, "account");
  const at = leaf?.page.bytes.indexOf("name-0007") ?? -1;
  expect(at).toBeGreaterThan(0);
  writeAt(path, ((leaf?.number ?? 0) - 1) * pageBytes + at, Buffer.from("name-0003"));
  expect(reportOf(path, "account")).toMatchObject({ rows: 19, invalid: 1, invalidKeys: [7n] });
});

test("a store in order has no invalid rows", () => {
  const { tables } = salvage(storeOf(50), join(root, "whole.saved"), () => undefined);
  expect(tables.filter(({ invalid }) => invalid > 0)).toEqual([]);
});

class CountedFile extends PageFile {
  private reads = 0;

  override btree(page: number): BtreePage | undefined {
    if (++this.reads > 10_000) throw new Error("the search reads pages again and again");
    return super.btree(page);
  }
}

test("a search ends among pages without rows that lead in circles", () => {
  const pages = 40;
  const children = 8;
  const bytes = Buffer.alloc(pageBytes * pages);
  for (let number = 2; number <= pages; number++) {
    const page = bytes.subarray(pageBytes * (number - 1), pageBytes * number);
    page[0] = 0x05;
    page.writeUInt16BE(children - 1, 3);
    page.writeUInt32BE(number, 8);
    for (let i = 0; i < children - 1; i++) {
      const at = 4000 - 8 * i;
      page.writeUInt16BE(at, 12 + 2 * i);
      // Half of its children are the page itself, the others are the next one.
      page.writeUInt32BE(i % 2 === 0 || number === pages ? 2 + ((number - 1) % (pages - 1)) : number, at);
    }
  }
  const path = join(root, "circle.db");
  writeFileSync(path, bytes);
  const sample = new Database(":memory:", { safeIntegers: true, strict: true });
  migrate(sample, ":memory:");
  const file = new CountedFile(path);
  expect(findRoots(file, soughtOf(sample, ["sequence", "account", "group", "message"])).size).toBeGreaterThan(0);
  file.close();
  sample.close();
});
