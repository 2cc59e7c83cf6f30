// The cursor of an export: which part of it, and where in it. An export has four parts: profiles, by the accounts'
// numbers; what accounts have set, by the same; groups, by theirs; and the log, by ids. Members who join or leave by
// one change have the same id, and follow each other by the numbers of their rows.

import { idMax } from "./snowflake.ts";

type ExportPart = "profiles" | "accounts" | "groups" | "log";

export interface ExportPosition {
  readonly part: ExportPart;
  /** A number of accounts and groups, an id of the log: everything up to it was given. */
  readonly id: bigint;
  /** Of the log: the last member's row with this id; idMax: all of them. */
  readonly row: bigint;
}

const letters = { p: "profiles", a: "accounts", g: "groups", m: "log" } as const;

const exportStart: ExportPosition = startOf("profiles");

/** The beginning of a part. */
export function startOf(part: ExportPart): ExportPosition {
  return { part, id: 0n, row: idMax };
}

export function formatCursor({ part, id, row }: ExportPosition): string {
  return `${part === "log" ? "m" : part[0]}${id}${row === idMax ? "" : `.${row}`}`;
}

/** Undefined for what no export gave. */
export function parseCursor(cursor: string): ExportPosition | undefined {
  if (cursor === "") return exportStart;
  const [, letter, id = "", row] = /^([pagm])([0-9]{1,19})(?:\.([0-9]{1,19}))?$/.exec(cursor) ?? [];
  if (letter !== "p" && letter !== "a" && letter !== "g" && letter !== "m") return undefined;
  const position = { part: letters[letter], id: BigInt(id), row: row === undefined ? idMax : BigInt(row) };
  return position.id <= idMax && position.row <= idMax ? position : undefined;
}
