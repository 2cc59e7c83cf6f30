// `--limit NAME=VALUE,…`: texts to values of the limit table. What an operator gets wrong is told with what would be
// right.

import type { Limit, LimitRole, LimitUnit } from "../base/limits/limit.ts";
import { writtenValue } from "../base/limits/shown.ts";
import {
  type LimitName,
  limitNames,
  type LimitValues,
  limitTable,
  namesByWritten,
  writtenNameOf,
} from "../base/limits/table.ts";
import { quotedText } from "../base/printable.ts";
import { nearest } from "../base/did-you-mean.ts";
import { durationMsOf } from "./values.ts";

const byteUnits: Readonly<Record<string, number>> = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/**
 * Reads `name=value` pairs with commas between them; the empty text holds none. Throws a sentence that says what would
 * be right.
 */
export function parseLimits(text: string): Partial<LimitValues> {
  const values: Partial<Record<LimitName, number>> = {};
  for (const pair of text.split(",").filter((part) => part.trim() !== "")) {
    const equals = pair.indexOf("=");
    if (equals === -1) throw new Error(`name=value,… such as connections-per-address=500, not ${quoted(pair)}`);
    const written = pair.slice(0, equals).trim();
    const name = namesByWritten.get(written);
    if (name === undefined) throw new Error(`the name of a limit, not ${quoted(written)}; ${suggestion(written)}`);
    if (values[name] !== undefined) throw new Error(`each limit once: ${written} is given twice`);
    values[name] = parseLimit(written, pair.slice(equals + 1).trim(), limitTable[name]);
  }
  return values;
}

/** Those of `given` that mean nothing to a role, as they are written. */
export function foreignLimits(given: Partial<LimitValues>, role: LimitRole): string[] {
  return namesIn(given)
    .filter((name) => !limitTable[name].of.includes(role))
    .map(writtenNameOf);
}

/** The names in `given`, in the order of the table. */
function namesIn(given: Partial<LimitValues>): LimitName[] {
  return limitNames.filter((name) => given[name] !== undefined);
}

function parseLimit(written: string, text: string, { unit, min, max }: Limit): number {
  const value = numberOf(text, unit);
  if (value === undefined || value < min || value > max)
    throw new Error(
      `${written} to be ${kinds[unit]} from ${writtenValue(min, unit)} to ${writtenValue(max, unit)}, not ` +
        quoted(text),
    );
  return value;
}

const kinds: Readonly<Record<LimitUnit, string>> = {
  count: "a whole number",
  bytes: "bytes, such as 65536, 64KiB or 1MiB,",
  ms: "a duration such as 500ms, 10s or 3m,",
};

/**
 * The number that a text says in a unit; undefined if it says none. Too many digits make a number beyond every maximum.
 */
function numberOf(text: string, unit: LimitUnit): number | undefined {
  if (unit === "ms") {
    const durationMs = durationMsOf(text);
    return durationMs === 0 ? undefined : durationMs;
  }
  const [, digits = "", suffix = ""] = /^(\d+(?:_\d+)*)(KiB|MiB|GiB)?$/.exec(text) ?? [];
  if (digits === "" || (unit === "count" && suffix !== "")) return undefined;
  return Number(digits.replaceAll("_", "")) * (byteUnits[suffix] ?? 1);
}

/** Who writes a name as the code does, or misspells it, is told how it is written. */
function suggestion(written: string): string {
  const lower = written.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll("_", "-");
  const meant = namesByWritten.has(lower) ? lower : nearest(lower, namesByWritten.keys());
  return meant === undefined ? "roost limits lists them" : `did you mean ${meant}?`;
}

function quoted(text: string): string {
  return quotedText(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
