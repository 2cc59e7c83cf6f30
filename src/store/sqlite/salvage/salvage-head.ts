// Makes a copy of a damaged file with a readable schema: SQLite reads nothing without a schema, and with a part of one
// it does not see the other tables. The copy gets a new header and a schema that names the tables where table-search.ts
// found them; triggers and other indexes are omitted. The damaged file itself is not changed.
//
//   offset 18   2 bytes   2 if a write-ahead log is used, else 1    (sqlite.org/fileformat2.html, The Database Header)
//   offset 28   4 bytes   number of pages
//   offset 32   8 bytes   list of free pages, 0: none
//   offset 68   4 bytes   application id

import { Database } from "bun:sqlite";
import { closeSync, copyFileSync, existsSync, openSync, readSync, rmSync, statSync, writeSync } from "node:fs";
import { assert } from "../../../base/assert.ts";
import { fileHeadBytes, PageFile, pageBytes, type PageKind } from "./btree-page.ts";
import { isUnreadable } from "../damage.ts";
import { Refusal } from "../refusal.ts";
import { applicationId, schemaVersion } from "../schema.ts";
import { findRoots, nameIndex, soughtOf, type Sought, type SoughtColumn } from "./table-search.ts";

const magic = "SQLite format 3\0";
const pagesAt = 28;
const applicationIdAt = 68;

/** Copies `path` with its log or journal; replaces a lost header. Throws Refusal for another program's. */
export function copyCheckpointed(path: string, copy: string): void {
  for (const end of ["", "-wal", "-journal"]) if (existsSync(path + end)) copyFileSync(path + end, copy + end);
  // Without a header SQLite ignores the log.
  if (!hasHead(copy)) writeHead(copy);
  checkpointFile(copy);
  const head = headOf(copy);
  if (head.readUInt32BE(applicationIdAt) !== applicationId)
    throw new Refusal(`${path} is a database of another program; expected a store of roost`);
}

/** A table that was found, and its row of the schema. */
interface Found {
  readonly name: string;
  /** Its row without the number that leads. */
  readonly record: Buffer;
}

/**
 * A schema of the tables that are found in a copy. It is shown in parts, each of which fits on the first page: pages at
 * the end could be taken for pages that the file has lost.
 */
export class FoundSchema {
  /** Tables that were not found: they are lost, or were empty. */
  readonly notFound: readonly string[];
  private readonly copy: string;
  private readonly parts: readonly (readonly Found[])[];
  private shown: readonly Found[] | undefined;

  /** `sample` is an intact store, which defines the tables. Shows the first part. */
  constructor(copy: string, sample: Database, tables: readonly string[]) {
    this.copy = copy;
    const file = new PageFile(copy);
    const sought = soughtOf(sample, tables);
    const roots = findRoots(file, sought);
    file.close();
    this.notFound = tables.filter((table) => !roots.has(table));
    this.parts = partsOf(
      sought.filter(({ name }) => roots.has(name)).map((one) => foundAt(one, roots.get(one.name) ?? 0)),
    );
    this.show(this.parts[0]?.[0]?.name ?? "");
  }

  /** Makes a table visible to who opens the copy from now on; returns false if it is, or if it was not found. */
  show(table: string): boolean {
    const part = this.parts.find((found) => found.some(({ name }) => name === table));
    if (part === this.shown || (part === undefined && this.shown !== undefined)) return false;
    this.shown = part ?? [];
    writeSchema(this.copy, this.shown);
    return true;
  }
}

function headOf(path: string): Buffer {
  const head = Buffer.alloc(fileHeadBytes);
  const file = openSync(path, "r");
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return head;
}

function hasHead(path: string): boolean {
  const head = headOf(path);
  return head.toString("latin1", 0, magic.length) === magic && head.readUInt16BE(16) === pageBytes;
}

function writeHead(path: string): void {
  const page = emptyHead();
  page.fill(existsSync(`${path}-wal`) ? 2 : 1, 18, 20);
  page.writeUInt32BE(Math.max(1, Math.floor(statSync(path).size / pageBytes)), pagesAt);
  writePage(path, page);
}

function emptyHead(): Buffer {
  using db = new Database(":memory:");
  for (const set of [
    `page_size = ${pageBytes}`,
    `application_id = ${applicationId}`,
    `user_version = ${schemaVersion}`,
  ])
    db.run(`PRAGMA ${set}`);
  return Buffer.from(db.serialize().subarray(0, pageBytes));
}

function writePage(path: string, first: Buffer): void {
  const file = openSync(path, "r+");
  writeSync(file, first, 0, pageBytes, 0);
  closeSync(file);
}

/** Applies the log or the journal: SQLite rolls back at the first read, and checkpoints at the close. */
function checkpointFile(path: string): void {
  const db = new Database(path, { readwrite: true, create: false });
  try {
    // No other process has the copy, and it is useless after a crash.
    for (const pragma of ["locking_mode = EXCLUSIVE", "synchronous = OFF"]) db.run(`PRAGMA ${pragma}`);
    db.query("SELECT 1 FROM sqlite_schema").get();
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  } finally {
    db.close();
  }
  for (const end of ["-wal", "-shm", "-journal"]) rmSync(path + end, { force: true });
}

/** The bytes that a page has for rows of the schema, with two for the place of each. */
const schemaBytes = pageBytes - fileHeadBytes - 8;
/** The number of a row takes one byte: there are fewer than 128. */
const rowBytes = (found: Found): number => varint(found.record.length).length + 1 + found.record.length + 2;

function partsOf(found: readonly Found[]): Found[][] {
  // The index of the names needs its table beside it.
  const sorted = found.toSorted((one, other) => Number(isOfAccount(other)) - Number(isOfAccount(one)));
  const parts: Found[][] = [];
  let bytes = Infinity;
  for (const one of sorted) {
    bytes += rowBytes(one);
    if (bytes > schemaBytes) {
      parts.push([]);
      bytes = rowBytes(one);
    }
    parts.at(-1)?.push(one);
  }
  return parts;
}

function isOfAccount({ name }: Found): boolean {
  return name === "account" || name === nameIndex;
}

/** Writes a first page with these rows. Bun's SQLite does not allow writing the schema table, so it is built here. */
function writeSchema(path: string, found: readonly Found[]): void {
  const head = emptyHead();
  head.writeUInt32BE(Math.max(1, Math.floor(statSync(path).size / pageBytes)), pagesAt);
  let cellAt = pageBytes;
  for (const [i, { record }] of found.entries()) {
    const cell = Buffer.concat([varint(record.length), varint(i + 1), record]);
    cellAt -= cell.length;
    cell.copy(head, cellAt);
    head.writeUInt16BE(cellAt, fileHeadBytes + 8 + 2 * i);
  }
  head.writeUInt16BE(found.length, fileHeadBytes + 3);
  head.writeUInt16BE(cellAt, fileHeadBytes + 5);
  writePage(path, head);
}

function foundAt({ name, kind, columns }: Sought, root: number): Found {
  const isTable = name !== nameIndex;
  const sql = isTable ? statementOf(name, kind, columns) : null;
  return { name, record: recordOf([isTable ? "table" : "index", name, isTable ? name : "account", root, sql]) };
}

/** Returns the shortest statement for a table: its columns in order, and its key. Only a rowid needs its type. */
function statementOf(table: string, kind: PageKind, columns: readonly SoughtColumn[]): string {
  const all = columns.map(({ name, isRowid, added }) => {
    const missing = added === undefined || added === "NULL" ? "" : ` DEFAULT ${added}`;
    return `"${name}"${isRowid ? " INTEGER" : ""}${missing}`;
  });
  const keys = columns.filter(({ key }) => key > 0).toSorted((a, b) => a.key - b.key);
  const key = keys.map(({ name }) => `"${name}"`).join(",");
  const unique = table === "account" ? ",UNIQUE(app,name)" : "";
  const storage = kind === "index" ? "WITHOUT ROWID" : "";
  return `CREATE TABLE "${table}"(${all.join(",")},PRIMARY KEY(${key})${unique})${storage}`;
}

function recordOf(values: readonly (string | number | null)[]): Buffer {
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
  return Buffer.concat([varint(head.length + 1), head, ...contents]);
}

/** Encodes a number below 16,384 in 1 or 2 bytes. */
function varint(value: number): Buffer {
  assert(value < 16_384, "the number fits");
  return Buffer.from(value < 128 ? [value] : [0x80 | (value >> 7), value & 0x7f]);
}
