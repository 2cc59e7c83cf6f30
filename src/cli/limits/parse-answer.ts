// Checks a process's answer to `limits`: the process may be of another version.

import type { LimitUnit } from "../../base/limits/limit.ts";
import type { LimitRow } from "../../base/limits/report.ts";
import { arrayOf, type Fields, fieldsOf, flagOf, MalformedJson, stringOf } from "../../base/json-fields.ts";

const units: ReadonlySet<string> = new Set<LimitUnit>(["count", "bytes", "ms"]);

/** Reads the rows. Throws MalformedJson. */
export function parseLimitRows(answer: unknown): LimitRow[] {
  return arrayOf(fieldsOf(answer, "the answer")["limits"], "limits").map((item) => rowOf(fieldsOf(item, "a limit")));
}

function rowOf(fields: Fields): LimitRow {
  return {
    name: stringOf(fields, "name"),
    unit: unitOf(fields["unit"]),
    value: numberOf(fields, "value"),
    isSet: flagOf(fields, "isSet"),
    use: fields["use"] === null ? null : numberOf(fields, "use"),
    reached: numberOf(fields, "reached"),
    lastReachedMs: fields["lastReachedMs"] === null ? null : numberOf(fields, "lastReachedMs"),
    what: stringOf(fields, "what"),
    beyond: stringOf(fields, "beyond"),
  };
}

function unitOf(value: unknown): LimitUnit {
  const isUnit = (text: unknown): text is LimitUnit => typeof text === "string" && units.has(text);
  if (!isUnit(value)) throw new MalformedJson("unit: expected count, bytes or ms");
  return value;
}

function numberOf(fields: Fields, key: string): number {
  const value = fields[key];
  if (typeof value !== "number") throw new MalformedJson(`${key}: expected a number`);
  return value;
}
