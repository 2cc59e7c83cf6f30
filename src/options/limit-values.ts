// Parses `--limit NAME=VALUE,…`. Errors continue the sentence `--limit: invalid value …: expected `.

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

/** Parses `name=value` pairs separated by commas; the empty text holds none. Throws what was expected. */
export function parseLimits(text: string): Partial<LimitValues> {
  const values: Partial<Record<LimitName, number>> = {};
  for (const pair of text.split(",").filter((part) => part.trim() !== "")) {
    const equals = pair.indexOf("=");
    if (equals === -1) throw new Error(`name=value,…, such as connections-per-address=500, not ${quoted(pair)}`);
    const written = pair.slice(0, equals).trim();
    const name = namesByWritten.get(written);
    if (name === undefined) throw new Error(`the name of a limit, not ${quoted(written)}; ${suggestion(written)}`);
    if (values[name] !== undefined) throw new Error(`each limit at most once, not ${written} twice`);
    values[name] = parseLimit(written, pair.slice(equals + 1).trim(), limitTable[name]);
  }
  return values;
}

/** Returns the given limits that do not apply to a role, as operators write them. */
export function foreignLimits(given: Partial<LimitValues>, role: LimitRole): string[] {
  return limitNames
    .filter((name) => given[name] !== undefined && !limitTable[name].of.includes(role))
    .map(writtenNameOf);
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

/** Parses a number in a unit; undefined if malformed. Too many digits give a number above every maximum. */
function numberOf(text: string, unit: LimitUnit): number | undefined {
  if (unit === "ms") {
    const durationMs = durationMsOf(text);
    return durationMs === 0 ? undefined : durationMs;
  }
  const [, digits = "", suffix = ""] = /^(\d+(?:_\d+)*)(KiB|MiB|GiB)?$/.exec(text) ?? [];
  if (digits === "" || (unit === "count" && suffix !== "")) return undefined;
  return Number(digits.replaceAll("_", "")) * (byteUnits[suffix] ?? 1);
}

/** Suggests the right spelling, also for a name written in camel case. */
function suggestion(written: string): string {
  const lower = written.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll("_", "-");
  const meant = namesByWritten.has(lower) ? lower : nearest(lower, namesByWritten.keys());
  return meant === undefined ? "roost limits lists them" : `did you mean ${meant}?`;
}

function quoted(text: string): string {
  return quotedText(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
