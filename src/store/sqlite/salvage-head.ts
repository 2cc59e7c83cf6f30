// A copy of a damaged file with a schema that can be read: without one SQLite reads nothing, and with a part of one it does
// not see the other tables. The head of the copy is a new one, and its schema names the tables where they were found
// (table-search.ts); triggers and other indexes have no use there. The damaged file itself is left as it is.
//
//   offset 18   2 bytes   2 if a write-ahead log is used, else 1        (sqlite.org/fileformat2.html, The Database Header)
//   offset 28   4 bytes   number of pages
//   offset 32   8 bytes   list of free pages, 0: none

import { Database } from "bun:sqlite";
import { closeSync, copyFileSync, existsSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { assert } from "../../base/assert.ts";
import { fileHeadBytes, PageFile, pageBytes } from "./btree-page.ts";
import { isDamage } from "./damage.ts";
import { applicationId, schemaVersion } from "./schema.ts";
import { findRoots, nameIndex, soughtOf } from "./table-search.ts";

const magic = "SQLite format 3\0";
const pagesAt = 28;

/**
 * Copies `path`, with what its write-ahead log or its journal adds, to `copy`, with a schema of the tables that were found.
 * `sample` is a store in order, whose `tables` are sought. Returns those that were not found: they are lost, or were empty.
 */
export function copyWithSchema(path: string, copy: string, sample: Database, tables: readonly string[]): string[] {
  for (const end of ["", "-wal", "-journal"]) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
  // Without a head SQLite does not look at the log.
  if (!hasHead(copy)) writeHead(copy);
  fold(copy);
  const file = new PageFile(copy);
  const roots = findRoots(file, soughtOf(sample, tables));
  file.close();
  writeHead(copy);
  writeSchema(copy, sample, roots);
  return tables.filter((table) => !roots.has(table));
}

function hasHead(path: string): boolean {
  const head = Buffer.alloc(fileHeadBytes);
  const file = openSync(path, "r");
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return head.toString("latin1", 0, magic.length) === magic && head.readUInt16BE(16) === pageBytes;
}

/** Writes the first page of a store without tables. */
function writeHead(path: string): void {
  const page = emptyHead();
  page.fill(existsSync(`${path}-wal`) ? 2 : 1, 18, 20);
  page.writeUInt32BE(Math.max(1, Math.floor(statSync(path).size / pageBytes)), pagesAt);
  writePage(path, 1, page);
}

function emptyHead(): Buffer {
  const db = new Database(":memory:");
  try {
    for (const set of [
      `page_size = ${pageBytes}`,
      `application_id = ${applicationId}`,
      `user_version = ${schemaVersion}`,
    ])
      db.run(`PRAGMA ${set}`);
    return Buffer.from(db.serialize().subarray(0, pageBytes));
  } finally {
    db.close();
  }
}

function writePage(path: string, page: number, bytes: Buffer): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, pageBytes, (page - 1) * pageBytes);
  closeSync(file);
}

/** Takes the log or the journal into the file: SQLite rolls a journal back at the first read, and closes a log when it is closed. */
function fold(path: string): void {
  const db = new Database(path, { readwrite: true, create: false });
  try {
    // Nobody else has the copy, and nobody needs it after a crash.
    for (const pragma of ["locking_mode = EXCLUSIVE", "synchronous = OFF"]) db.run(`PRAGMA ${pragma}`);
    db.query("SELECT 1 FROM sqlite_schema").get();
  } catch (error) {
    if (!isDamage(error)) throw error;
  } finally {
    db.close();
  }
  for (const end of ["-wal", "-shm", "-journal"]) rmSync(path + end, { force: true });
}

/**
 * Writes a schema behind the last page: a page for each table, below the first one. By hand, because Bun's SQLite does not
 * let anybody write rows of a schema.
 */
function writeSchema(path: string, sample: Database, roots: ReadonlyMap<string, number>): void {
  const objects = sample
    .query<{ type: string; name: string; tbl_name: string; sql: string | null }, []>(
      `SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type = 'table' OR name = '${nameIndex}' ORDER BY rowid`,
    )
    .all()
    .filter(({ name }) => roots.has(name));
  if (objects.length === 0) return;
  const head = emptyHead();
  let page = Math.floor(statSync(path).size / pageBytes);
  const children: number[] = [];
  for (const [i, { type, name, tbl_name, sql }] of objects.entries()) {
    writePage(path, ++page, leafOf(i + 1, [type, name, tbl_name, roots.get(name) ?? 0, sql]));
    children.push(page);
  }
  head.writeUInt32BE(page, pagesAt);
  writeParent(head, children);
  writePage(path, 1, head);
}

/** Makes a page of a table with one row. */
function leafOf(rowid: number, values: readonly (string | number | null)[]): Buffer {
  const types: Buffer[] = [];
  const contents: Buffer[] = [];
  for (const value of values) {
    const content = typeof value === "number" ? Buffer.alloc(4) : Buffer.from(value ?? "");
    if (typeof value === "number") content.writeUInt32BE(value);
    const type = typeof value === "number" ? 4 : 13 + 2 * content.length;
    types.push(varint(value === null ? 0 : type));
    contents.push(content);
  }
  const head = Buffer.concat(types);
  const record = Buffer.concat([varint(head.length + 1), head, ...contents]);
  const cell = Buffer.concat([varint(record.length), varint(rowid), record]);
  const page = Buffer.alloc(pageBytes);
  const cellAt = pageBytes - cell.length;
  // A longer record would go on on other pages.
  assert(cell.length < pageBytes - 50, "a statement of the schema fits on a page");
  page[0] = 0x0d;
  page.writeUInt16BE(1, 3);
  page.writeUInt16BE(cellAt, 5);
  page.writeUInt16BE(cellAt, 8);
  cell.copy(page, cellAt);
  return page;
}

/** Makes the first page the parent of pages with one row each, whose rowids are 1, 2 and so on. */
function writeParent(head: Buffer, children: readonly number[]): void {
  const at = fileHeadBytes;
  head.fill(0, at);
  head[at] = 0x05;
  const cells = children.slice(0, -1);
  head.writeUInt16BE(cells.length, at + 3);
  head.writeUInt32BE(children.at(-1) ?? 0, at + 8);
  let cellAt = pageBytes;
  for (const [i, child] of cells.entries()) {
    const cell = Buffer.concat([Buffer.alloc(4), varint(i + 1)]);
    cell.writeUInt32BE(child);
    cellAt -= cell.length;
    cell.copy(head, cellAt);
    head.writeUInt16BE(cellAt, at + 12 + 2 * i);
  }
  head.writeUInt16BE(cellAt, at + 5);
}

/** Of 1 or 2 bytes, for numbers below 16,384. */
function varint(value: number): Buffer {
  assert(value < 16_384, "the number fits");
  return Buffer.from(value < 128 ? [value] : [0x80 | (value >> 7), value & 0x7f]);
}
