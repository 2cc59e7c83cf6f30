// The cursor of an export: which part of it, and where in it. An export has six parts: profiles, by the accounts'
// numbers; what accounts have set, by the same; files that no message names, by their versions; groups, by their
// numbers; the log, by ids; and the accounts' views of their conversations, by the numbers of both. Members who join or
// leave by one change have the same id, and follow each other by the numbers of their rows.

import { idMax } from "./snowflake.ts";

/** A place in one of the parts that come first. */
export interface RowPosition {
  readonly part: "profiles" | "accounts" | "files" | "groups" | "log";
  /** A number or version, of the log an id: everything up to it was given. */
  readonly id: bigint;
  /** Of the log: the last member's row with this id; idMax: all of them. */
  readonly row: bigint;
}

/** A place among the views of conversations, behind that of `account` of the conversation `other`. */
export interface ViewPosition {
  readonly part: "conversations";
  readonly account: bigint;
  /** The partner's number, or minus the group's. */
  readonly other: bigint;
  /** Up to here the log was given before. */
  readonly logId: bigint;
  /** The export that goes on has given views already: it ends with them, whatever the log has got meanwhile. */
  readonly isWithin: boolean;
}

export type ExportPosition = RowPosition | ViewPosition;

const letters = { p: "profiles", a: "accounts", f: "files", g: "groups", m: "log" } as const;

const exportStart: RowPosition = startOf("profiles");

/** The beginning of a part. */
export function startOf(part: RowPosition["part"]): RowPosition {
  return { part, id: 0n, row: idMax };
}

/** The beginning of the views, behind a log that was given up to an id. */
export function startOfViews(logId: bigint): ViewPosition {
  return { part: "conversations", account: 0n, other: 0n, logId, isWithin: true };
}

export function formatCursor(position: ExportPosition): string {
  if (position.part === "conversations") {
    const { account, other, logId, isWithin } = position;
    return `${isWithin ? "w" : "c"}${account}.${other}.${logId}`;
  }
  const { part, id, row } = position;
  return `${part === "log" ? "m" : part[0]}${id}${row === idMax ? "" : `.${row}`}`;
}

/** Undefined for what no export gave. */
export function parseCursor(cursor: string): ExportPosition | undefined {
  if (cursor === "") return exportStart;
  return parseView(cursor) ?? parseRow(cursor);
}

function parseRow(cursor: string): RowPosition | undefined {
  const [, letter, id = "", row] = /^([pafgm])([0-9]{1,19})(?:\.([0-9]{1,19}))?$/.exec(cursor) ?? [];
  if (letter === undefined || !isLetter(letter)) return undefined;
  const position = { part: letters[letter], id: BigInt(id), row: row === undefined ? idMax : BigInt(row) };
  return position.id <= idMax && position.row <= idMax ? position : undefined;
}

function parseView(cursor: string): ViewPosition | undefined {
  const [, letter, ...numbers] = /^([cw])([0-9]{1,19})\.(-?[0-9]{1,19})\.([0-9]{1,19})$/.exec(cursor) ?? [];
  const [account, other, logId] = numbers.map(BigInt);
  if (account === undefined || other === undefined || logId === undefined) return undefined;
  if (account > idMax || other > idMax || -other > idMax || logId > idMax) return undefined;
  return { part: "conversations", account, other, logId, isWithin: letter === "w" };
}

function isLetter(letter: string): letter is keyof typeof letters {
  return letter in letters;
}
