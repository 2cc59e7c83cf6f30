// Reads the rows of a table whose pages may be damaged, by ranges of its integer key: forwards from one end until a page
// cannot be read, backwards from the other end, and then what lies between in halves, until the halves are small. Rows are
// handed over in no order, and some of them twice.

import type { Database } from "bun:sqlite";
import { isUnreadable } from "../damage.ts";

/** How often a range that cannot be read is halved: a page of messages is found between 1,023 others. */
const halvingsMax = 10;

export type Row = Readonly<Record<string, unknown>>;

/** Keys from `from` to `to`, both included, among which there may have been rows. */
export interface Gap {
  readonly from: bigint;
  readonly to: bigint;
}

export class RangeReader {
  private readonly forwards;
  private readonly backwards;
  private readonly key: string;
  private readonly take: (row: Row) => void;

  /** `columns` contains the key, which is the first column of the primary key. */
  constructor(db: Database, table: string, key: string, columns: readonly string[], take: (row: Row) => void) {
    const names = columns.map((column) => `"${column}"`).join(", ");
    const select = `SELECT ${names} FROM "${table}" WHERE "${key}" BETWEEN ? AND ? ORDER BY "${key}"`;
    this.forwards = db.prepare<Row, [bigint, bigint]>(select);
    this.backwards = db.prepare<Row, [bigint, bigint]>(`${select} DESC`);
    this.key = key;
    this.take = take;
  }

  /** Reads what can be read; returns what cannot, in rising order, neighbours joined. */
  read(from: bigint, to: bigint): Gap[] {
    const gaps: Gap[] = [];
    this.readPart(from, to, halvingsMax, gaps);
    const joined: Gap[] = [];
    for (const gap of gaps) {
      const last = joined.at(-1);
      if (last !== undefined && last.to + 1n >= gap.from) joined[joined.length - 1] = { from: last.from, to: gap.to };
      else joined.push(gap);
    }
    return joined;
  }

  private readPart(from: bigint, to: bigint, halvings: number, gaps: Gap[]): void {
    if (from > to) return;
    const first = this.readAlong(this.forwards, from, to, from - 1n);
    if (first === undefined) return;
    // Its key again: where the key is not the whole of the primary key, rows with it may lie beyond the damage.
    const last = this.readAlong(this.backwards, first, to, to + 1n);
    if (last === undefined || last <= first + 1n) return;
    if (halvings === 0 || last - first < 4n) {
      gaps.push({ from: first + 1n, to: last - 1n });
      return;
    }
    const middle = (first + last) / 2n;
    this.readPart(first + 1n, middle, halvings - 1, gaps);
    this.readPart(middle + 1n, last - 1n, halvings - 1, gaps);
  }

  /** Undefined: all of it was read. Else the last key before the damage; `none` if there was not even one row. */
  private readAlong(statement: RangeReader["forwards"], from: bigint, to: bigint, none: bigint): bigint | undefined {
    let last = none;
    try {
      for (const row of statement.iterate(from, to)) {
        const key = row[this.key];
        if (typeof key === "bigint") last = key;
        this.take(row);
      }
      return undefined;
    } catch (error) {
      if (isUnreadable(error)) return last;
      throw error;
    }
  }
}
