// Puts together a page of what comes behind the log of an export: accounts' views of their conversations and pinned
// messages, which name its messages, and invitations and requests to join, whose accounts are members by then, or not.

import { type ConversationRecord, type DataRecord, groupThatWasLeft } from "./data-records.ts";
import {
  type ExportPosition,
  formatCursor,
  type LogPosition,
  startAgain,
  startOfTail,
  type TailPart,
  tailPartsInOrder,
  type TailPosition,
} from "./export-cursor.ts";

/** A row by its key; `record`: undefined for one of another app, or that tells nothing. */
export interface TailRow {
  readonly key: readonly bigint[];
  readonly record: DataRecord | undefined;
}

/** Rows of one part in the order of their keys; `isAll`: there are no others. */
export interface TailRows {
  readonly rows: Iterable<TailRow>;
  readonly isAll: boolean;
}

/** A page, and where to go on. */
interface TailPage {
  readonly records: readonly DataRecord[];
  readonly position: ExportPosition;
  readonly isEnd: boolean;
}

/** The parts behind the log: a direct conversation has pinned messages alone, and a group no views. */
export function tailPartsOf(scope: { readonly isPair: boolean; readonly isGroup: boolean }): readonly TailPart[] {
  if (scope.isPair) return ["pins"];
  return scope.isGroup ? tailPartsInOrder.slice(1) : tailPartsInOrder;
}

/**
 * Rows of a part that were read, at most `rowsMax` at once: fewer are the last ones. `keyOf` and `recordOf` as in
 * TailRow.
 */
export function tailRows<Row>(
  rows: readonly Row[],
  rowsMax: number,
  keyOf: (row: Row) => readonly bigint[],
  recordOf: (row: Row) => DataRecord | undefined,
): TailRows {
  return {
    rows: rows.map((row) => ({ key: keyOf(row), record: recordOf(row) })),
    isAll: rows.length < rowsMax,
  };
}

/**
 * The key to go on from where all keys that are wanted begin with one number, and go on with 0 or more; undefined: with
 * any.
 */
export function startIn(only: bigint | undefined, key: readonly bigint[]): readonly bigint[] {
  const [first = 0n] = key;
  return only === undefined || first >= only ? key : [only, -1n, ...key.slice(2).map(() => 0n)];
}

/**
 * Reports whether an export has given a group, by its place (LogPosition.groups); undefined: it never does. What names
 * another group was made since the end of the log, and comes when the export is gone on with.
 */
export function isGiven({ groups }: TailPosition, place: bigint | undefined): boolean {
  return groups === undefined || (place !== undefined && place <= groups);
}

/**
 * Requests to join of one account, each behind the id of its group, of which an export of an account says nothing else.
 * The key of such an id has minus the account's number.
 */
export function withGroupIds({ rows, isAll }: TailRows, { key: [fromGroup, fromAccount] }: TailPosition): TailRows {
  const found = Array.from(rows).flatMap((row): readonly TailRow[] => {
    const [group = 0n, account = 0n] = row.key;
    const id = row.record?.joinRequest?.group;
    if (id === undefined || (group === fromGroup && -account === fromAccount)) return [row];
    return [{ key: [group, -account], record: { group: groupThatWasLeft(id) } }, row];
  });
  return { rows: found, isAll };
}

/** The beginning of the first of the parts, behind the end of the log. */
export function startBehindLog(parts: readonly TailPart[], { id: logId, groups }: LogPosition): TailPosition {
  const [first = "pins"] = parts;
  return startOfTail(first, { logId, groups, isWithin: true });
}

/**
 * `rows`: those behind `from`. An export that begins at the end, or behind the last row of a part, goes on with the
 * log, if that has got more up to `logEnd`: all parts come again before and behind it.
 */
export function tailPage(
  from: TailPosition,
  { rows, isAll }: TailRows,
  { limit, parts, logEnd }: { readonly limit: number; readonly parts: readonly TailPart[]; readonly logEnd: bigint },
): TailPage {
  const records: DataRecord[] = [];
  let position = from;
  for (const { key, record } of from.isEnd === true ? [] : rows) {
    position = { ...position, key };
    if (record === undefined) continue;
    records.push({ cursor: formatCursor({ ...position, isWithin: false }), ...record });
    position = { ...position, isWithin: true };
    if (records.length === limit) return { records, position, isEnd: false };
  }
  const { isWithin, isEnd = false, logId } = position;
  if (!isAll && !isEnd) return { records, position, isEnd: false };
  if (!isWithin && logEnd > logId) return { records, position: startAgain(position), isEnd: false };
  const next = isEnd ? undefined : parts[parts.indexOf(position.part) + 1];
  if (next !== undefined) return { records, position: startOfTail(next, position), isEnd: false };
  return { records, position: { ...position, isEnd: true }, isEnd: true };
}

/** Reports whether an account has set anything, or read. */
export function hasView({ pinned, muted, hidden, clearedTo, readTo }: ConversationRecord): boolean {
  return pinned === true || muted === true || hidden === true || clearedTo !== undefined || readTo !== undefined;
}
