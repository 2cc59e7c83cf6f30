// The cursor of an export: which part of it, and where in it. First come profiles, by the accounts' numbers; what
// accounts have set, by the same; files that no message names, by their versions; and groups, by their numbers. Then
// comes the log, by ids: members who join or leave by one change have the same id, and follow each other by the numbers
// of their rows. Behind the log comes what names its messages and members, by keys of several numbers.

import { idMax } from "./snowflake.ts";

/** A place in one of the parts that come first. */
export interface RowPosition {
  readonly part: "profiles" | "accounts" | "files" | "groups" | "log";
  /** A number or version, of the log an id: everything up to it was given. */
  readonly id: bigint;
  /** Of the log: the last member's row with this id; idMax: all of them. */
  readonly row: bigint;
}

/**
 * The parts behind the log, in their order, and the first keys of all: rows have greater ones.
 *
 * - conversations: accounts' views, by the account's number, and the partner's or minus the group's;
 * - pins, by the key of the conversation (the accounts' numbers, the smaller one first; or minus the group's, and 0)
 *   and the id of the pin;
 * - invitations, by the numbers of the group and the row;
 * - requests to join, by the numbers of the group and the account.
 */
const tailStarts = {
  conversations: [0n, 0n],
  pins: [-idMax, 0n, 0n],
  invitations: [0n, 0n],
  requests: [0n, 0n],
} as const;
const tailLetters = { conversations: "", pins: "p", invitations: "i", requests: "r" } as const;

export type TailPart = keyof typeof tailStarts;

/** Of an app, or of an account. */
export const tailPartsInOrder: readonly TailPart[] = ["conversations", "pins", "invitations", "requests"];

/** A place in one of the parts behind the log. */
export interface TailPosition {
  readonly part: TailPart;
  /** Of the last row. */
  readonly key: readonly bigint[];
  /** Up to here the log was given before. */
  readonly logId: bigint;
  /** The export that goes on has given some of this already: it ends with it, whatever the log has got meanwhile. */
  readonly isWithin: boolean;
  /** Everything was given: nothing follows but what the log has got since, and what comes behind it. */
  readonly isEnd?: boolean;
}

export type ExportPosition = RowPosition | TailPosition;

const letters = { p: "profiles", a: "accounts", f: "files", g: "groups", m: "log" } as const;

const exportStart: RowPosition = startOf("profiles");

/** The beginning of a part. */
export function startOf(part: RowPosition["part"]): RowPosition {
  return { part, id: 0n, row: idMax };
}

/** The beginning of a part behind a log that was given up to an id. */
export function startOfTail(part: TailPart, { logId, isWithin }: Pick<TailPosition, "logId" | "isWithin">) {
  return { part, key: tailStarts[part], logId, isWithin } satisfies TailPosition;
}

export function formatCursor(position: ExportPosition): string {
  if (isInTail(position)) {
    const { part, key, logId, isWithin, isEnd = false } = position;
    return `${isEnd ? "e" : isWithin ? "w" : "c"}${tailLetters[part]}${key.join(".")}.${logId}`;
  }
  const { part, id, row } = position;
  return `${part === "log" ? "m" : part[0]}${id}${row === idMax ? "" : `.${row}`}`;
}

export function isInTail(position: ExportPosition): position is TailPosition {
  return "key" in position;
}

/** Undefined for what no export gave. */
export function parseCursor(cursor: string): ExportPosition | undefined {
  if (cursor === "") return exportStart;
  return parseTail(cursor) ?? parseRow(cursor);
}

function parseRow(cursor: string): RowPosition | undefined {
  const [, letter, id = "", row] = /^([pafgm])([0-9]{1,19})(?:\.([0-9]{1,19}))?$/.exec(cursor) ?? [];
  if (letter === undefined || !isLetter(letter)) return undefined;
  const position = { part: letters[letter], id: BigInt(id), row: row === undefined ? idMax : BigInt(row) };
  return position.id <= idMax && position.row <= idMax ? position : undefined;
}

function parseTail(cursor: string): TailPosition | undefined {
  const [, kind, letter, numbers = ""] = /^([cew])([pir]?)(-?[0-9]{1,19}(?:\.-?[0-9]{1,19}){2,3})$/.exec(cursor) ?? [];
  const part = tailPartsInOrder.find((each) => tailLetters[each] === letter);
  if (part === undefined) return undefined;
  const key = numbers.split(".").map(BigInt);
  const logId = key.pop() ?? 0n;
  if (key.length !== tailStarts[part].length || logId < 0n || logId > idMax) return undefined;
  if (key.some((number) => number > idMax || -number > idMax)) return undefined;
  return { part, key, logId, isWithin: kind === "w", isEnd: kind === "e" };
}

function isLetter(letter: string): letter is keyof typeof letters {
  return letter in letters;
}
