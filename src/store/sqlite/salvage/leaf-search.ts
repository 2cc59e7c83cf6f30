// Finds rows of tables on leaves that their tree does not lead to: a page above them is lost. Each page of the file is
// looked at; a leaf is recognised by its rows, whose types no other table has. Free pages, which hold deleted rows, are
// excluded as far as their list is whole.

import { type BtreePage, PageFile, type Record, wholeRecordAt } from "./btree-page.ts";
import type { Gap, Row } from "./salvage-range.ts";
import { freePagesOf, isRowOf, type Sought, type SoughtColumn } from "./table-search.ts";

/** A table with rows that its tree does not lead to. */
interface Wanted {
  readonly sought: Sought;
  /** Keys of the rows that are wanted. */
  readonly gaps: readonly Gap[];
  readonly take: (row: Row) => void;
}

/** Passes on the rows of all tables in the file that are wanted. Reads the whole file. */
export function findRows(path: string, wanted: readonly Wanted[]): void {
  const file = new PageFile(path);
  try {
    const free = freeIn(file);
    for (let number = 2; number <= file.pages; number++) {
      const page = free.has(number) ? undefined : file.btree(number);
      if (page?.kind === "table" && page.isLeaf) takeRows(file, page, wanted);
    }
  } finally {
    file.close();
  }
}

function freeIn(file: PageFile): ReadonlySet<number> {
  const free = new Set<number>();
  for (let page = 2; page <= file.pages; page++)
    if (file.btree(page) === undefined) for (const one of freePagesOf(file, page)) free.add(one);
  return free;
}

function takeRows(file: PageFile, page: BtreePage, wanted: readonly Wanted[]): void {
  const records = page.cells.flatMap((cell) => wholeRecordAt(file, page, cell) ?? []);
  // A table of a single row has no page above it, and may have the types of another one.
  if (wanted.some(({ sought }) => sought.isSingle && isSingleRow(sought, records))) return;
  for (const { sought, gaps, take } of wanted) {
    if (sought.isSingle) continue;
    const rows = records.filter((record) => isRowOf(sought, record));
    // Single rows may be damaged; a page of another table has none that fit.
    if (2 * rows.length <= records.length) continue;
    for (const record of rows)
      if (gaps.some(({ from, to }) => isBetween(record.rowid, from, to))) take(rowOf(sought.columns, record));
    return;
  }
}

function isSingleRow(sought: Sought, [record, ...others]: readonly Record[]): boolean {
  return record?.rowid === 1n && others.length === 0 && isRowOf(sought, record);
}

function isBetween(rowid: bigint | undefined, from: bigint, to: bigint): boolean {
  return rowid !== undefined && rowid >= from && rowid <= to;
}

const defaults = { "0": 0n, "''": "", NULL: null } as const;

function rowOf(columns: readonly SoughtColumn[], { rowid, values }: Record): Row {
  return Object.fromEntries(
    columns.map(({ name, isRowid, added = "NULL" }, i) => {
      const value = values[i];
      return [name, isRowid ? rowid : value === undefined ? defaults[added] : value];
    }),
  );
}
