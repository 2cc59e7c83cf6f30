// Puts together a page of the last part of an export: accounts' views of their conversations. They come behind the log,
// because they name its messages.

import type { ConversationRecord, DataRecord } from "./data-records.ts";
import { type ExportPosition, formatCursor, type ViewPosition } from "./export-cursor.ts";
import { idMax } from "./snowflake.ts";

/** A row of the views, by its key; `record`: undefined for one of another app, or in which nothing is set. */
export interface PlacedView {
  readonly account: bigint;
  readonly other: bigint;
  readonly record: ConversationRecord | undefined;
}

/** A page of the views, and where to go on. */
interface ViewsPage {
  readonly records: readonly DataRecord[];
  readonly position: ExportPosition;
  readonly isEnd: boolean;
}

/**
 * `views`: those behind `from`, in the order of their keys; `isAll`: there are no others. An export that begins behind
 * the last one goes on with the log, if that has got more up to `lastId`.
 */
export function viewsPage(
  from: ViewPosition,
  views: Iterable<PlacedView>,
  { limit, isAll, lastId }: { readonly limit: number; readonly isAll: boolean; readonly lastId: bigint },
): ViewsPage {
  const records: DataRecord[] = [];
  let position = from;
  for (const { account, other, record } of views) {
    position = { ...position, account, other };
    if (record === undefined) continue;
    records.push({ cursor: formatCursor({ ...position, isWithin: false }), conversation: record });
    position = { ...position, isWithin: true };
    if (records.length === limit) return { records, position, isEnd: false };
  }
  if (!isAll) return { records, position, isEnd: false };
  const { isWithin, logId } = position;
  if (isWithin || lastId <= logId) return { records, position, isEnd: true };
  return { records, position: { part: "log", id: logId, row: idMax }, isEnd: false };
}

/** Reports whether an account has set anything, or read. */
export function hasView({ pinned, muted, hidden, clearedTo, readTo }: ConversationRecord): boolean {
  return pinned === true || muted === true || hidden === true || clearedTo !== undefined || readTo !== undefined;
}
