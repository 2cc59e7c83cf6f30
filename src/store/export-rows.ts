// The parts of an export whose records are rows, in the order of their numbers: whatever engine has read them.

import type { DataRecord } from "./data-records.ts";
import { type ExportPosition, formatCursor, type GroupsPosition, type RowPosition } from "./export-cursor.ts";

interface TakenRows {
  readonly records: readonly DataRecord[];
  readonly position: ExportPosition;
  readonly isEnd: false;
}

interface RowsEnd {
  /** The most records. */
  readonly limit: number;
  /** Where the rows were read from. */
  readonly from: RowPosition | GroupsPosition;
  /** Where the export goes on when there are no more rows. */
  readonly next: ExportPosition;
  /** There may be rows behind these. */
  readonly hasMore: boolean;
  /** Whether the page ends behind the last record that was asked for; default: only by `limit`. */
  readonly isFull?: () => boolean;
}

/** The records of rows in the order of their numbers. A row without a record is passed over. */
export function takenRows<Row extends { readonly number: bigint }>(
  rows: readonly Row[],
  { limit, from, next, hasMore, isFull = () => false }: RowsEnd,
  recordOf: (row: Row) => DataRecord | undefined,
): TakenRows {
  const records: DataRecord[] = [];
  for (const row of rows) {
    const record = recordOf(row);
    if (record === undefined) continue;
    const position = { ...from, id: row.number };
    records.push({ cursor: formatCursor(position), ...record });
    if (records.length === limit || isFull()) return { records, position, isEnd: false };
  }
  const last = hasMore ? rows.at(-1) : undefined;
  return { records, position: last === undefined ? next : { ...from, id: last.number }, isEnd: false };
}
