// Salvages of files of which random pages are lost, those with children, too: each row on a page that is left is saved.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { type BtreePage, overflowOf, PageFile, wholeRecordAt } from "../../src/store/sqlite/salvage/btree-page.ts";
import { PurgeSlices } from "../../src/store/sqlite/purge-slices.ts";
import { salvage, verifySalvaged } from "../../src/store/sqlite/salvage/salvage.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { overwrite } from "../support/damaged-store.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("salvage-leaves-");
const idBase = 1n << 60n;
const messages = 6_000;
/** Of which the rows are compared. */
const tables = ["message", "account", "member"];

/** Makes a store whose messages have trees of three levels, and every hundredth goes on on other pages. */
function storeOf(path: string): void {
  const db = new Database(path, { create: true, safeIntegers: true, strict: true });
  migrate(db, path);
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${messages})`;
  const id = `${idBase} + i * 5000`;
  db.run(`${numbers} INSERT INTO account SELECT i, 'app', printf('a name of some length %0100d', i) FROM n`);
  db.run(
    `${numbers} INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id)
     SELECT ${id}, i, i, 1, printf('text %0*d', iif(i % 100 = 0, 9000, 700), i), 'ä', i, 'key' || i FROM n`,
  );
  const of = `(number, "group", account, from_id, until_id, joined_ms, own, role, muted_until, alias)`;
  db.run(`${numbers} INSERT INTO member ${of} SELECT i, 1, i, ${id}, NULL, 0, 0, 0, 0, '' FROM n`);
  db.run(`UPDATE sequence SET last_id = ${idBase + BigInt(messages + 1) * 5000n}`);
  // Of pages that are free, nothing comes back.
  purge(db, idBase + 500n * 5_000n);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

const dayMs = 86_400_000;

/** Deletes the messages up to an id, and what belongs to them, as a purge does that the retention permits. */
function purge(db: Database, upTo: bigint): void {
  const slices = new PurgeSlices(db);
  while (slices.drop(upTo).isMore);
  db.run("INSERT INTO mark (id, at_ms, ran_ms) VALUES (?, ?, 0)", [upTo, 100 * dayMs]);
  db.run("INSERT OR REPLACE INTO run_time (one, ran_ms, leapt_ms) VALUES (1, ?, 0)", [50 * dayMs]);
  const keep = `INSERT OR REPLACE INTO horizon (kind, at_ms, keep_ms, looked_ms, credit_ms, waits, proven_ms)
    VALUES ('messages', ?, ?, ?, 0, 0, 0)`;
  db.run(keep, [100 * dayMs, 30 * dayMs, 130 * dayMs]);
}

interface Tree {
  readonly inner: readonly number[];
  /** The keys of rows, with the pages that they need. */
  readonly rows: ReadonlyMap<bigint, readonly number[]>;
}

function treeOf(path: string, table: string): Tree {
  using db = new Database(path, { readonly: true });
  const root = db.query<{ rootpage: number }, [string]>("SELECT rootpage FROM sqlite_schema WHERE name = ?").get(table);
  const file = new PageFile(path);
  const inner: number[] = [];
  const rows = new Map<bigint, readonly number[]>();
  const read = (number: number, page: BtreePage | undefined): void => {
    if (page === undefined) throw new Error(`page ${number} is no page of a table`);
    if (page.isLeaf)
      for (const cell of page.cells)
        rows.set(wholeRecordAt(file, page, cell)?.rowid ?? 0n, [number, ...overflowOf(file, page, cell)]);
    else inner.push(number);
    for (const child of page.children) read(child, file.btree(child));
  };
  const number = root?.rootpage ?? 0;
  read(number, file.btree(number));
  file.close();
  return { inner, rows };
}

function keysOf(path: string, table: string): ReadonlySet<bigint> {
  using db = new Database(path, { readonly: true, safeIntegers: true });
  const key = table === "message" || table === "entry" ? "id" : "number";
  return new Set(
    db
      .query<{ key: bigint }, []>(`SELECT ${key} AS key FROM "${table}"`)
      .all()
      .map((row) => row.key),
  );
}

const whole = freshPath();
storeOf(whole);
const trees = new Map(tables.map((table) => [table, treeOf(whole, table)]));

/** Salvages a copy without these pages: the rows of each table that are lost though their pages are not. */
function lostBeyond(pages: ReadonlySet<number>): readonly (readonly [string, number])[] {
  const path = freshPath();
  copyFileSync(whole, path);
  for (const page of pages) overwrite(path, page - 1);
  const to = `${path}.saved`;
  salvage(path, to, () => undefined);
  verifySalvaged(to);
  return [...trees].flatMap(([table, { rows }]) => {
    const saved = keysOf(to, table);
    for (const key of saved)
      if (table !== "account" && !rows.has(key)) throw new Error(`row ${key} of ${table} came back`);
    const lost = [...rows].filter(([key, needed]) => !saved.has(key) && !needed.some((page) => pages.has(page)));
    return lost.length > 0 ? [[table, lost.length] as const] : [];
  });
}

test("the pages of a salvage's test have trees", () => {
  for (const [table, { inner, rows }] of trees)
    expect([table, inner.length > 0, rows.size > 5_000]).toEqual([table, true, true]);
  const long = [...(trees.get("message")?.rows.values() ?? [])].filter(({ length }) => length > 2);
  expect(long.length).toBeGreaterThan(50);
});

test("without any page that has children, all rows are saved", () => {
  expect(lostBeyond(new Set([...trees.values()].flatMap(({ inner }) => inner)))).toEqual([]);
});

test("whichever pages are lost, the rows of the others are saved", () => {
  const random = new Random(testSeed("pages that are lost"));
  const file = new PageFile(whole);
  const { pages } = file;
  file.close();
  const inner = [...trees.values()].flatMap((tree) => tree.inner);
  for (let round = 0; round < 6; round++) {
    const lost = new Set<number>();
    for (let i = 0; i < 1 + random.below(20); i++) lost.add(2 + random.below(pages - 1));
    for (let i = 0; i < random.below(4); i++) lost.add(inner[random.below(inner.length)] ?? 2);
    if (random.once(4)) lost.add(1);
    expect([[...lost], lostBeyond(lost)]).toEqual([[...lost], []]);
  }
});

/** Overwrites the pages of the list of free pages: from the first one, which the header names, to the last. */
function loseFreeList(path: string): void {
  const bytes = readFileSync(path);
  const trunks: number[] = [];
  for (let page = bytes.readUInt32BE(32); page > 0; page = bytes.readUInt32BE((page - 1) * 4_096)) trunks.push(page);
  expect(trunks.length).toBeGreaterThan(0);
  for (const page of trunks) overwrite(path, page - 1);
}

test("what a purge has deleted stays deleted, where the list of free pages is lost, too", () => {
  const purged = idBase + 2_000n * 5_000n;
  const path = freshPath();
  copyFileSync(whole, path);
  const db = new Database(path, { safeIntegers: true, strict: true });
  // Entries of their own ids, about each of the messages.
  const entryBase = idBase + 10_000n * 5_000n;
  db.run(
    `INSERT INTO entry (id, kind, inbox, actor, refers, at_ns, reaction, is_off)
     SELECT id + ${entryBase - idBase}, 1, inbox, sender, id, sent_ns, printf('%0100d', sender), 0 FROM message`,
  );
  db.run("UPDATE sequence SET last_id = (SELECT max(id) FROM entry)");
  purge(db, purged);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
  const lost = (name: string) => {
    loseFreeList(name);
    for (const table of ["message", "entry"]) for (const page of treeOf(path, table).inner) overwrite(name, page - 1);
    const to = `${name}.saved`;
    salvage(name, to, () => undefined);
    return { messages: keysOf(to, "message"), entries: keysOf(to, "entry") };
  };
  const [withHorizon, without] = [freshPath(), freshPath()];
  for (const copy of [withHorizon, without]) copyFileSync(path, copy);
  const saved = lost(withHorizon);
  expect(saved.messages).toEqual(new Set(treeOf(path, "message").rows.keys()));
  expect(saved.entries).toEqual(new Set(treeOf(path, "entry").rows.keys()));
  // Nothing says any more up to where a purge has come.
  const other = new Database(without);
  other.run("DELETE FROM horizon");
  other.run("PRAGMA wal_checkpoint(TRUNCATE)");
  other.close();
  expect([...lost(without).messages].filter((id) => id <= purged).length).toBeGreaterThan(0);
});
