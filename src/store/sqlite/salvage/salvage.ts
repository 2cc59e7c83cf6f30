// Copies what is readable of a damaged log to a new file. The damaged file is only read, without locks and shared
// memory; the caller holds the store's lock. All tables are copied; for messages the report names the ranges of ids
// that were lost.
//
// The new file keeps what must never go backwards: its last id is at least every id that was found, and the number of
// an account or a group with messages is not given to another. It has a new mark, so its index is rebuilt.

import { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, rmSync, statSync } from "node:fs";
import { openUnlocked } from "../connection.ts";
import { isUnreadable } from "../damage.ts";
import { hasJournal } from "../backup/journal.ts";
import { Horizons } from "../horizons.ts";
import { identityOf, renewIdentity } from "../ownership.ts";
import { purgedBy } from "../purge-slices.ts";
import { Refusal } from "../refusal.ts";
import { keepLastId, keepNumbers } from "./kept-numbers.ts";
import { copyReads } from "../conversations/read-file.ts";
import { dropDangling } from "./dangling.ts";
import { copyCheckpointed, FoundSchema } from "./salvage-head.ts";
import { findRows } from "./leaf-search.ts";
import type { Row } from "./salvage-range.ts";
import { migrate, migrations, pragmaNumber } from "../schema.ts";
import { refuseForeign, verifyStore } from "../store-file.ts";
import { columnsOf, TableCopy, type TableReport, valueOf } from "./table-copy.ts";
import { nameIndex, soughtOf } from "./table-search.ts";

const cacheKib = 64 * 1024;
/** Not copied: leases, the mark, counts that are computed anew, and groups in creation, which remain invisible. */
const leftOut = new Set(["node", "hook_lease", "log", "group_count", "unfinished"]);

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
    const copies: TableCopy[] = [];
    for (const table of wanted) {
      progress(table);
      const shown = source.of(table);
      const copy = new TableCopy(shown, target, table);
      copy.read(shown);
      copies.push(copy);
    }
    progress("rows to which nothing leads");
    copyFound(source, target, copies, { path, copy: headOf(to) });
    const tables = copies.map((copy) => copy.report());
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

/**
 * Copies rows of tables with gaps that are found page by page. Of a lost schema, trees may be parts of former ones.
 * Rows that a purge may have deleted stay deleted: where the list of free pages is lost, too, they are among those that
 * are found.
 */
function copyFound(
  source: Source,
  target: Database,
  copies: readonly TableCopy[],
  { path, copy }: { readonly path: string; readonly copy: string },
): void {
  const isAny = source.notFound !== undefined;
  const purgedUpTo = new Horizons(target).permittedUpTo();
  const byName = new Map(copies.map((one) => [one.table, one]));
  const wanted = soughtOf(target, [...byName.keys()]).flatMap((sought) => {
    const one = sought.kind === "table" ? byName.get(sought.name) : undefined;
    if (one === undefined) return [];
    const columns = purgedBy.flatMap(([table, column]) => (table === one.table ? column : []));
    const isPurged = (row: Row): boolean =>
      columns.some((column) => {
        const id = row[column];
        return typeof id === "bigint" && id > 0n && id <= purgedUpTo;
      });
    const take = (row: Row): void => (isPurged(row) ? undefined : one.takeFound(row));
    return { sought, gaps: one.missing(isAny), take };
  });
  if (wanted.every(({ gaps }) => gaps.length === 0)) return;
  let { file } = source;
  if (file === path && existsSync(`${path}-wal`)) {
    // The pages of the file are not the newest.
    copyCheckpointed(path, copy);
    file = copy;
  }
  findRows(file, wanted);
  if (target.inTransaction) target.run("COMMIT");
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
  /** The file that it reads. */
  readonly file: string;
  readonly notFound: SalvageReport["notFound"];
  private db: Database;
  private readonly schema: FoundSchema | undefined;

  constructor(db: Database, file: string, schema?: FoundSchema) {
    this.db = db;
    this.file = file;
    this.schema = schema;
    this.notFound = schema?.notFound;
  }

  /** A connection that sees this table, until the next call. */
  of(table: string): Database {
    if (this.schema?.show(table) === true) {
      this.db.close();
      this.db = openReadable(this.file);
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
  if (source !== undefined) return new Source(source, path);
  copyCheckpointed(path, copy);
  source = openWhole(copy, wanted);
  if (source !== undefined) return new Source(source, copy);
  const schema = new FoundSchema(copy, sample, wanted);
  try {
    return new Source(openReadable(copy), copy, schema);
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
