// Copies the rows of one table of a damaged log: those to which its tree leads, then those that are found elsewhere.

import type { Database } from "bun:sqlite";
import { isUnreadable } from "../damage.ts";
import { InvalidRows } from "./invalid-rows.ts";
import { idMax } from "./kept-numbers.ts";
import { type Gap, RangeReader, type Row } from "./salvage-range.ts";

const rowsPerCommit = 10_000;

export interface TableReport {
  readonly table: string;
  readonly rows: number;
  /** Ranges of keys in which rows may be lost. */
  readonly gaps: readonly Gap[];
  /** Rows in those ranges that were found on pages to which nothing leads. */
  readonly found: number;
  /** Rows with values that no writer writes; they are not copied. */
  readonly invalid: number;
  /** The first of their keys, if the table has integer keys; at most 10. */
  readonly invalidKeys: readonly bigint[];
}

interface Column {
  readonly name: string;
  readonly type: string;
  readonly pk: bigint;
}

type Stored = string | bigint | number | Uint8Array | null;

export class TableCopy {
  readonly table: string;
  private readonly target: Database;
  private readonly columns: readonly Column[];
  private readonly key: string | undefined;
  private readonly insert;
  private readonly same;
  private readonly invalid: InvalidRows;
  private gapsLeft: readonly Gap[] = [];
  private isCut = false;
  private found = 0;
  private pending = 0;
  private isFirst = true;

  /** `source` has the table as its schema says. */
  constructor(source: Database, target: Database, table: string) {
    this.table = table;
    this.target = target;
    const known = new Set(columnsOf(source, table).map(({ name }) => name));
    const all = columnsOf(target, table);
    const primary = all.filter(({ pk }) => pk > 0n).toSorted((a, b) => Number(a.pk - b.pk));
    // The older program did not have this table, or its place is lost.
    this.key = primary.find(({ name }) => known.has(name))?.name;
    this.columns = this.key === undefined ? all : all.filter(({ name }) => known.has(name));
    const names = this.columns.map(({ name }) => `"${name}"`);
    this.insert = target.prepare<null, Stored[]>(
      `INSERT OR IGNORE INTO "${table}" (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
    );
    this.same = target.prepare<unknown, Stored[]>(
      `SELECT 1 FROM "${table}" WHERE ${names.map((name) => `${name} IS ?`).join(" AND ")}`,
    );
    this.invalid = new InvalidRows(primary.map(({ name }) => name));
  }

  /** Reads what the tree of the table leads to. */
  read(source: Database): void {
    const { table, key } = this;
    if (key === undefined) return;
    const names = this.columns.map(({ name }) => name);
    const isRanged = this.columns.find(({ name }) => name === key)?.type === "INTEGER";
    if (isRanged) this.gapsLeft = new RangeReader(source, table, key, names, this.take).read(0n, idMax);
    else this.isCut = !readWhole(source, table, names, this.take);
    if (this.target.inTransaction) this.target.run("COMMIT");
  }

  /** The keys of rows that may be elsewhere. `isAny`: the tree may be a part of the former one. */
  missing(isAny: boolean): readonly Gap[] {
    return isAny || this.isCut ? [{ from: 0n, to: idMax }] : this.gapsLeft;
  }

  /** Takes a row that was found elsewhere. The caller commits. */
  readonly takeFound = (row: Row): void => {
    if (this.take(row)) this.found++;
  };

  report(): TableReport {
    const { table, gapsLeft: gaps, found, invalid, isCut } = this;
    const rows = this.target.query<{ rows: bigint }, []>(`SELECT count(*) AS rows FROM "${table}"`).get()?.rows ?? 0n;
    return {
      table,
      rows: this.key === undefined && found === 0 ? 0 : Number(rows),
      gaps,
      found,
      invalid: invalid.count + (isCut ? 1 : 0),
      invalidKeys: invalid.keys,
    };
  }

  /** Returns false for a row that is there already, or cannot be stored. */
  private readonly take = (row: Row): boolean => {
    const values = this.columns.map((column) => valueOf(row[column.name], column.type));
    if (!values.every((value) => value !== undefined)) {
      this.invalid.add(row);
      return false;
    }
    if (!this.target.inTransaction) this.target.run("BEGIN");
    // A new file begins with some rows of its own.
    if (this.isFirst) this.target.run(`DELETE FROM "${this.table}"`);
    this.isFirst = false;
    const isNew = this.insert.run(...values).changes > 0;
    // An ignored row was read before, or violates a constraint: NULL in a NOT NULL column, or a duplicate name.
    if (!isNew && this.same.get(...values) === null) this.invalid.add(row);
    if (++this.pending % rowsPerCommit === 0) this.target.run("COMMIT");
    return isNew;
  };
}

export function columnsOf(db: Database, table: string): Column[] {
  try {
    return db.query<Column, [string]>("SELECT name, type, pk FROM pragma_table_info(?)").all(table);
  } catch (error) {
    if (isUnreadable(error)) return [];
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

export function valueOf(value: unknown, type: string): string | bigint | Uint8Array | null | undefined {
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
