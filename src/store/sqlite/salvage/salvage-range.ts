// Reads the rows of a table with damaged pages, by ranges of its integer key: forwards until a page cannot be read,
// backwards from the other end, and then the rest in halves, until they are small. Rows are passed on in no particular
// order, some of them twice.

import type { Database } from "bun:sqlite";
import { isUnreadable } from "../damage.ts";

/** How often an unreadable range is halved: enough to find one bad page among 1,023 others. */
const halvingsMax = 10;

export type Row = Readonly<Record<string, unknown>>;

/** A range of keys, inclusive, in which rows may be lost. */
export interface Gap {
  readonly from: bigint;
  readonly to: bigint;
}

export class RangeReader {
  private readonly forwards;
  private readonly backwards;
  private readonly key: string;
  private readonly take: (row: Row) => void;

  /** `columns` includes the key, which is the first column of the primary key. */
  constructor(db: Database, table: string, key: string, columns: readonly string[], take: (row: Row) => void) {
    const names = columns.map((column) => `"${column}"`).join(", ");
    const select = `SELECT ${names} FROM "${table}" WHERE "${key}" BETWEEN ? AND ? ORDER BY "${key}"`;
    this.forwards = db.prepare<Row, [bigint, bigint]>(select);
    this.backwards = db.prepare<Row, [bigint, bigint]>(`${select} DESC`);
    this.key = key;
    this.take = take;
  }

  /** Reads what is readable; returns the gaps in ascending order, adjacent ones joined. */
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
    // Includes the key itself: if it is only a part of the primary key, rows with it may follow the damage.
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

  /** Returns undefined if everything was read, else the last key before the damage, or `none` without any row. */
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
