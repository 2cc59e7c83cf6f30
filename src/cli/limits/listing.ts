// The table that `roost limits` prints. Pure.

import type { LimitRole } from "../../base/limits/limit.ts";
import type { Limits } from "../../base/limits/limits.ts";
import { type LimitRow, limitRows } from "../../base/limits/report.ts";
import { shownUse, shownValue, writtenValue } from "../../base/limits/shown.ts";
import { limitTable, namesByWritten } from "../../base/limits/table.ts";
import { printable } from "../../base/printable.ts";
import { shownAge, tableLines } from "../text-table.ts";

const none = "-";

/**
 * Returns the table of a running process's limits. The process may be of another version, so its texts are made
 * printable. `nowMs`: milliseconds since 1970.
 */
export function usedLimits(rows: readonly LimitRow[], nowMs: number): string[] {
  const lines = tableLines([
    ["LIMIT", "VALUE", "SET", "IN USE", "REACHED", "LAST", "OF WHAT", "BEYOND IT"],
    ...rows.map((row) => [
      printable(row.name),
      shownValue(row.value, row.unit),
      row.isSet ? "yes" : none,
      row.use === null ? none : shownUse(row.use, row.unit),
      row.reached === 0 ? none : row.reached.toLocaleString("en-US"),
      row.lastReachedMs === null ? none : `${shownAge((nowMs - row.lastReachedMs) / 1_000)} ago`,
      printable(row.what),
      printable(row.beyond),
    ]),
  ]);
  return [...lines];
}

/** Returns the table of the limits that a process with this role would have, with the range of each. */
export function settableLimits(limits: Limits, role: LimitRole): string[] {
  const rangeOf = (written: string): string => {
    const name = namesByWritten.get(written);
    if (name === undefined) return none;
    const { min, max, unit } = limitTable[name];
    return `${writtenValue(min, unit)} to ${writtenValue(max, unit)}`;
  };
  const lines = tableLines([
    ["LIMIT", "VALUE", "SET", "FROM … TO", "OF WHAT", "BEYOND IT"],
    ...limitRows(limits, role).map(({ name, value, unit, isSet, what, beyond }) => [
      name,
      writtenValue(value, unit),
      isSet ? "yes" : none,
      rangeOf(name),
      what,
      beyond,
    ]),
  ]);
  return [...lines];
}
