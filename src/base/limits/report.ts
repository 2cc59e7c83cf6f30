// A report on the limits of a process for operators: a row each, of plain values that travel as JSON.

import type { LimitRole, LimitUnit } from "./limit.ts";
import type { Limits } from "./limits.ts";
import { type LimitName, limitNames, limitTable, writtenNameOf } from "./table.ts";

export interface LimitRow {
  /** The name as operators write it: `connections-per-address`. */
  readonly name: string;
  readonly unit: LimitUnit;
  readonly value: number;
  readonly isSet: boolean;
  /** The current use; null if nothing measures it. */
  readonly use: number | null;
  /** How often it refused something since the start, and when last, in milliseconds since 1970. */
  readonly reached: number;
  readonly lastReachedMs: number | null;
  readonly what: string;
  readonly beyond: string;
}

/** Returns the limits that a role uses, in the order of the table. */
export function limitsOfRole(role: LimitRole): LimitName[] {
  return limitNames.filter((name) => limitTable[name].of.includes(role));
}

/** Returns a row for each of them. */
export function limitRows(limits: Limits, role: LimitRole): LimitRow[] {
  return limitsOfRole(role).map((name) => {
    const { unit, what, beyond } = limitTable[name];
    return {
      name: writtenNameOf(name),
      unit,
      value: limits.values[name],
      isSet: limits.isSet(name),
      use: limits.use(name) ?? null,
      reached: limits.reached.get(name) ?? 0,
      lastReachedMs: limits.lastReachedMs.get(name) ?? null,
      what,
      beyond,
    };
  });
}
