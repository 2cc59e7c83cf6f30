// What an operator is told of the limits of a process: a row each, of plain values, which travel as JSON.

import type { LimitRole, LimitUnit } from "./limit.ts";
import type { Limits } from "./limits.ts";
import { type LimitName, limitNames, limitTable, writtenNameOf } from "./table.ts";

export interface LimitRow {
  /** As it is written: `connections-per-address`. */
  readonly name: string;
  readonly unit: LimitUnit;
  readonly value: number;
  readonly isSet: boolean;
  /** What is used now; null where nothing measures it. */
  readonly use: number | null;
  /** How often it has turned something away since the start, and when the last time was, in milliseconds since 1970. */
  readonly reached: number;
  readonly lastReachedMs: number | null;
  readonly what: string;
  readonly beyond: string;
}

/** The names of the limits that mean something to a role, in the order of the table. */
export function limitsOfRole(role: LimitRole): LimitName[] {
  return limitNames.filter((name) => limitTable[name].of.includes(role));
}

/** What is to be told of them. */
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
