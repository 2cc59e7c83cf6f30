// Copies what is readable of a damaged log to a new file. The damaged file is only read, without locks and shared
// memory; the
// caller holds the store's lock. All tables are copied; for messages the report names the ranges of ids that were lost.
//
// The new file keeps what must never go backwards: its last id is at least every id that was found, and the number of
// an account or a group with messages is not given to another. It has a new mark, so its index is rebuilt.

import { Database } from "bun:sqlite";
import { closeSync, openSync, rmSync, statSync } from "node:fs";
import { openUnlocked } from "../connection.ts";
import { isUnreadable } from "../damage.ts";
import { hasJournal } from "../backup/journal.ts";
import { identityOf, renewIdentity } from "../ownership.ts";
import { Refusal } from "../refusal.ts";
import { idMax, keepLastId, keepNumbers } from "./kept-numbers.ts";
import { copyReads } from "../conversations/read-file.ts";
import { dropDangling } from "./dangling.ts";
import { copyCheckpointed, FoundSchema } from "./salvage-head.ts";
import { RangeReader, type Gap, type Row } from "./salvage-range.ts";
import { migrate, migrations, pragmaNumber } from "../schema.ts";
import { refuseForeign, verifyStore } from "../store-file.ts";
import { InvalidRows } from "./invalid-rows.ts";
import { nameIndex } from "./table-search.ts";

const cacheKib = 64 * 1024;
const rowsPerCommit = 10_000;
/** Not copied: leases, the mark, counts that are computed anew, and groups in creation, which remain invisible. */
const leftOut = new Set(["node", "hook_lease", "log", "group_count", "unfinished"]);

export interface TableReport {
  readonly table: string;
  readonly rows: number;
  /** Ranges of keys in which rows may be lost. */
  readonly gaps: readonly Gap[];
  /** Rows with values that no writer writes; they are not copied. */
  readonly invalid: number;
  /** The first of their keys, if the table has integer keys; at most 10. */
  readonly invalidKeys: readonly bigint[];
}

export interface SalvageReport {
  readonly tables: readonly TableReport[];
  /** Accounts and groups with messages whose names are lost. */
  readonly nameless: number;
  /** By table: rows that referred to what is lost, which were not kept. */
  readonly dropped: ReadonlyMap<string, number>;
  readonly lastId: bigint;
  /** Tables that were not found; undefined if the schema was readable. */
  readonly notFound: readonly string[] | undefined;
  /** Whether the file of read cursors, if it is this log's, was readable as a whole. */
  readonly hasAllReads: boolean;
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly pk: bigint;
}

/** Estimates the bytes that a salvage writes at most: a new file, and a temporary copy of the damaged one. */
export function salvageBytes(path: string): number {
  let bytes = 0;
  for (const end of ["", "-wal", "-journal"]) bytes += statSync(path + end, { throwIfNoEntry: false })?.size ?? 0;
  return 2 * bytes;
}

/** Copies what is readable of `path` to the new file `to`, and verifies it. Throws Refusal if nothing is readable. */
export function salvage(path: string, to: string, progress: (table: string) => void): SalvageReport {
  removeSalvaged(to);
  closeSync(openSync(to, "wx", 0o600));
  const target = new Database(to, { readwrite: true, create: false, safeIntegers: true, strict: true });
  let source: Source | undefined;
  try {
    // Synced at the end: an incomplete file is discarded.
    target.run("PRAGMA synchronous = OFF");
    migrate(target, to);
    const wanted = tablesOf(target).filter((table) => !leftOut.has(table));
    source = openDamaged(path, headOf(to), target, wanted);
    const { notFound } = source;
    target.run("PRAGMA foreign_keys = OFF");
    const tables: TableReport[] = [];
    for (const table of wanted) {
      progress(table);
      tables.push(copyTable(source.of(table), target, table));
    }
    if (!tables.some(({ rows, table }) => rows > 0 && (table === "message" || table === "account")))
      throw new Refusal(`nothing can be read from ${path}; restore a backup, or start with another file`);
    progress("names");
    readNamesOfIndex(source.of("account"), target, "account", nameIndex, ["number", "app", "name"]);
    const nameless = keepNumbers(target);
    const lastId = keepLastId(target, path);
    const hasAllReads = notFound !== undefined || copyReads({ path, log: source.of("log") }, target, Date.now());
    progress("references");
    const dropped = dropDangling(target);
    target.run("UPDATE log SET mark = random()");
    // It remains the same store with other content, unless its identity is damaged.
    if (identityOf(target) === undefined) renewIdentity(target);
    else target.run("UPDATE identity SET epoch = lower(hex(randomblob(16)))");
    return { tables, nameless, dropped, lastId, notFound, hasAllReads };
  } finally {
    source?.close();
    target.close();
    removeSalvaged(headOf(to));
  }
}

export function removeSalvaged(to: string): void {
  for (const path of [to, headOf(to)])
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(path + end, { force: true });
}

const headOf = (to: string): string => `${to}-head`;

/** Throws Refusal unless the new file is an intact store. */
export function verifySalvaged(path: string): void {
  verifyStore(path, path);
}

/** The damaged file, or its copy, of whose tables another schema shows a part at a time. */
class Source {
  readonly notFound: SalvageReport["notFound"];
  private db: Database;
  private readonly copy: { readonly path: string; readonly schema: FoundSchema } | undefined;

  constructor(db: Database, copy?: { readonly path: string; readonly schema: FoundSchema }) {
    this.db = db;
    this.copy = copy;
    this.notFound = copy?.schema.notFound;
  }

  /** A connection that sees this table, until the next call. */
  of(table: string): Database {
    if (this.copy?.schema.show(table) === true) {
      this.db.close();
      this.db = openReadable(this.copy.path);
    }
    return this.db;
  }

  close(): void {
    this.db.close();
  }
}

/** Opens the file, or `copy`, which gets another schema if the file's is unreadable. */
function openDamaged(path: string, copy: string, sample: Database, wanted: readonly string[]): Source {
  // A leftover journal is rolled back in the copy.
  let source = hasJournal(path) ? undefined : openWhole(path, wanted);
  if (source !== undefined) return new Source(source);
  copyCheckpointed(path, copy);
  source = openWhole(copy, wanted);
  if (source !== undefined) return new Source(source);
  const schema = new FoundSchema(copy, sample, wanted);
  try {
    return new Source(openReadable(copy), { path: copy, schema });
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    throw new Refusal(`the header and schema of ${path} cannot be read: ${error.message}`, { cause: error });
  }
}

function openWhole(path: string, wanted: readonly string[]): Database | undefined {
  let source: Database | undefined;
  try {
    source = openReadable(path);
    if (hasTables(source, wanted)) return source;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
  }
  source?.close();
  return undefined;
}

/** Reports whether a store has all wanted tables of its schema version; a damaged schema may lack some. */
function hasTables(source: Database, wanted: readonly string[]): boolean {
  using sample = new Database(":memory:");
  for (const migration of migrations.slice(0, pragmaNumber(source, "user_version"))) sample.run(migration);
  const known = new Set(tablesOf(sample));
  return wanted.every((table) => !known.has(table) || columnsOf(source, table).length > 0);
}

function openReadable(path: string): Database {
  let db: Database | undefined;
  try {
    db = openUnlocked(path, cacheKib);
    refuseForeign(db, path);
    return db;
  } catch (error) {
    db?.close();
    throw error;
  }
}

function tablesOf(db: Database): string[] {
  return db
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map(({ name }) => name);
}

function columnsOf(db: Database, table: string): Column[] {
  try {
    return db.query<Column, [string]>("SELECT name, type, pk FROM pragma_table_info(?)").all(table);
  } catch (error) {
    if (isUnreadable(error)) return [];
    throw error;
  }
}

function copyTable(source: Database, target: Database, table: string): TableReport {
  const known = new Set(columnsOf(source, table).map(({ name }) => name));
  const columns = columnsOf(target, table).filter(({ name }) => known.has(name));
  const primary = columns.filter(({ pk }) => pk > 0n).toSorted((a, b) => Number(a.pk - b.pk));
  const key = primary[0]?.name;
  // The older program did not have this table.
  if (key === undefined) return { table, rows: 0, gaps: [], invalid: 0, invalidKeys: [] };
  const names = columns.map(({ name }) => name);
  const insert = target.prepare<null, (string | bigint | number | Uint8Array | null)[]>(
    `INSERT OR IGNORE INTO "${table}" (${names.map((name) => `"${name}"`).join(", ")})
     VALUES (${names.map(() => "?").join(", ")})`,
  );
  const same = target.prepare<unknown, (string | bigint | number | Uint8Array | null)[]>(
    `SELECT 1 FROM "${table}" WHERE ${names.map((name) => `"${name}" IS ?`).join(" AND ")}`,
  );
  const invalid = new InvalidRows(primary.map(({ name }) => name));
  let pending = 0;
  let isFirst = true;
  const take = (row: Row): void => {
    const values = columns.map((column) => valueOf(row[column.name], column.type));
    if (!values.every((value) => value !== undefined)) {
      invalid.add(row);
      return;
    }
    if (pending === 0) target.run("BEGIN");
    // A new file begins with some rows of its own.
    if (isFirst) target.run(`DELETE FROM "${table}"`);
    isFirst = false;
    // An ignored row was read before, or violates a constraint: NULL in a NOT NULL column, or a duplicate name.
    if (insert.run(...values).changes === 0 && same.get(...values) === null) invalid.add(row);
    if (++pending === rowsPerCommit) {
      target.run("COMMIT");
      pending = 0;
    }
  };
  try {
    const isRanged = columns.find(({ name }) => name === key)?.type === "INTEGER";
    const gaps = isRanged ? new RangeReader(source, table, key, names, take).read(0n, idMax) : [];
    const isCut = !isRanged && !readWhole(source, table, names, take);
    if (pending > 0) target.run("COMMIT");
    const rows = target.query<{ rows: bigint }, []>(`SELECT count(*) AS rows FROM "${table}"`).get()?.rows ?? 0n;
    return { table, rows: Number(rows), gaps, invalid: invalid.count + (isCut ? 1 : 0), invalidKeys: invalid.keys };
  } catch (error) {
    if (target.inTransaction) target.run("ROLLBACK");
    throw error;
  }
}

/** Reads a small table; returns false if it could not be read to its end. */
function readWhole(source: Database, table: string, names: readonly string[], take: (row: Row) => void): boolean {
  try {
    const rows = source.prepare<Row, []>(`SELECT ${names.map((name) => `"${name}"`).join(", ")} FROM "${table}"`);
    for (const row of rows.iterate()) take(row);
    return true;
  } catch (error) {
    if (isUnreadable(error)) return false;
    throw error;
  }
}

function valueOf(value: unknown, type: string): string | bigint | Uint8Array | null | undefined {
  if (value === null) return null;
  switch (type) {
    case "INTEGER":
      return typeof value === "bigint" ? value : undefined;
    case "TEXT":
      return typeof value === "string" ? value : undefined;
    default:
      return value instanceof Uint8Array || typeof value === "string" || typeof value === "bigint" ? value : undefined;
  }
}

/** Reads names from a covering index, which has the same rows on other pages. */
function readNamesOfIndex(
  source: Database,
  target: Database,
  table: string,
  index: string,
  columns: readonly string[],
): void {
  const [number = "", ...keys] = columns;
  const insert = target.prepare<null, (string | bigint)[]>(
    `INSERT OR IGNORE INTO "${table}" (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
  );
  for (const direction of ["", " DESC"]) {
    const order = keys.map((key) => key + direction).join(", ");
    target.run("BEGIN");
    try {
      const rows = source.query<Row, []>(
        `SELECT ${columns.join(", ")} FROM "${table}" INDEXED BY ${index} ORDER BY ${order}`,
      );
      for (const row of rows.iterate()) {
        const values = columns.map((column) => valueOf(row[column], column === number ? "INTEGER" : "TEXT"));
        if (values.every((value) => typeof value === "string" || typeof value === "bigint")) insert.run(...values);
      }
      target.run("COMMIT");
      return;
    } catch (error) {
      // Rows before the damage are kept.
      if (target.inTransaction) target.run("COMMIT");
      const isIndexGone = error instanceof Error && /no such index|no query solution/.test(error.message);
      if (isIndexGone) return;
      if (!isUnreadable(error)) throw error;
    }
  }
}

/** Throws Refusal unless there is room for the new file. */
export function refuseNoRoom(folder: string, freeBytes: number, wantedBytes: number): void {
  if (freeBytes >= wantedBytes) return;
  throw new Refusal(
    `a new file of up to ${Math.ceil(wantedBytes / 1e6)} MB is written in ${folder}, where ` +
      `${Math.floor(freeBytes / 1e6)} MB are free; make room first`,
  );
}
