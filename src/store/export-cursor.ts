// The cursor of an export: which part of it, and where in it. First come profiles, by the accounts' numbers; what
// accounts have set, by the same; files that no message names, by their versions; and groups, by their numbers. Then
// comes the log, by ids: members who join or leave by one change have the same id, and follow each other by the numbers
// of their rows. Behind the log comes what names its messages and members, by keys of several numbers.
//
// An export that is gone on with behind its end passes all parts again, and the log from where it was.
//
// Before the first record of the log that names a group which the part of the groups has not given, the export returns
// to that part, and then goes on with the log: so cursors of both have the place in the other one, too.

import { idMax } from "./snowflake.ts";

/** A place in the log, where everything up to it was given. */
export interface LogPlace {
  readonly id: bigint;
  /** Of the last member's row with this id; idMax: all of them. */
  readonly row: bigint;
}

/** A place in one of the parts that come first. */
export interface RowPosition {
  readonly part: "profiles" | "accounts" | "files";
  /** A number or version: everything up to it was given. */
  readonly id: bigint;
  /** Where the log goes on behind these parts; undefined: at its beginning. */
  readonly log?: LogPosition | undefined;
}

/** A place among the groups. */
export interface GroupsPosition {
  readonly part: "groups";
  /** As in LogPosition.groups. */
  readonly id: bigint;
  /** Where the log goes on behind the groups. */
  readonly log: LogPlace;
}

export interface LogPosition extends LogPlace {
  readonly part: "log";
  /**
   * The groups up to this one were given: by their numbers; in the export of an account, by the numbers of the rows
   * with which it first joined them. Undefined for a cursor of a former release.
   */
  readonly groups: bigint | undefined;
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
  /** As in LogPosition. */
  readonly groups: bigint | undefined;
  /** The export that goes on has given some of this already: it ends with it, whatever the log has got meanwhile. */
  readonly isWithin: boolean;
  /** Everything was given: nothing follows but what the log has got since, and what comes behind it. */
  readonly isEnd?: boolean;
}

export type ExportPosition = RowPosition | GroupsPosition | LogPosition | TailPosition;

const letters = { p: "profiles", a: "accounts", f: "files" } as const;

const groupsStart: GroupsPosition = { part: "groups", id: 0n, log: { id: 0n, row: idMax } };

/** The groups behind the other parts that come first. */
export function behindFiles({ log }: RowPosition): GroupsPosition {
  return log === undefined ? groupsStart : groupsBehind(log);
}

/** All parts again, and the log behind its former end. */
export function startAgain({ logId, groups }: TailPosition): RowPosition {
  return { part: "profiles", id: 0n, log: { part: "log", id: logId, row: idMax, groups } };
}

/** The log behind the groups, which were given up to `id`. */
export function behindGroups({ id, log }: GroupsPosition): LogPosition {
  return { part: "log", ...log, groups: id };
}

/** The groups that are wanted behind a place of the log. */
export function groupsBehind({ id, row, groups = 0n }: LogPosition): GroupsPosition {
  return { part: "groups", id: groups, log: { id, row } };
}

/** The beginning of a part behind a log that was given up to an id. */
export function startOfTail(part: TailPart, { logId, groups, isWithin }: Omit<TailPosition, "part" | "key">) {
  return { part, key: tailStarts[part], logId, groups, isWithin } satisfies TailPosition;
}

export function formatCursor(position: ExportPosition): string {
  if (isInTail(position)) {
    const { part, key, logId, groups, isWithin, isEnd = false } = position;
    return `${isEnd ? "e" : isWithin ? "w" : "c"}${tailLetters[part]}${key.join(".")}.${logId}${groupsIn(groups)}`;
  }
  switch (position.part) {
    case "log":
      return `${placeIn(position)}${groupsIn(position.groups)}`;
    case "groups":
      return `g${position.id}${placeIn(position.log)}`;
    default:
      return `${position.part[0]}${position.id}${position.log === undefined ? "" : formatCursor(position.log)}`;
  }
}

function placeIn({ id, row }: LogPlace): string {
  return `m${id}${row === idMax ? "" : `.${row}`}`;
}

function groupsIn(groups: bigint | undefined): string {
  return groups === undefined ? "" : `g${groups}`;
}

export function isInTail(position: ExportPosition): position is TailPosition {
  return "key" in position;
}

/** Undefined for what no export gave. */
export function parseCursor(cursor: string): ExportPosition | undefined {
  if (cursor === "") return { part: "profiles", id: 0n };
  return parseTail(cursor) ?? parseLog(cursor) ?? parseGroups(cursor) ?? parseRow(cursor);
}

function parseRow(cursor: string): RowPosition | undefined {
  const [, letter, digits, place] = /^([paf])([0-9]{1,19})(m.+)?$/.exec(cursor) ?? [];
  const id = numberIn(digits);
  const log = place === undefined ? undefined : parseLog(place);
  if (letter === undefined || !isLetter(letter) || id === undefined) return undefined;
  return place !== undefined && log === undefined ? undefined : { part: letters[letter], id, log };
}

/** A former release has left out the place in the log, and groups in creation: the part begins again. */
function parseGroups(cursor: string): GroupsPosition | undefined {
  const [, digits, place] = /^g([0-9]{1,19})(m.+)?$/.exec(cursor) ?? [];
  const id = numberIn(digits);
  if (id === undefined || place === undefined) return id === undefined ? undefined : groupsStart;
  const log = parsePlace(place);
  return log && { part: "groups", id, log };
}

function parseLog(cursor: string): LogPosition | undefined {
  const [, place = "", digits] = /^(m[0-9.]+)(?:g([0-9]{1,19}))?$/.exec(cursor) ?? [];
  const [log, groups] = [parsePlace(place), numberIn(digits)];
  if (log === undefined || (digits !== undefined && groups === undefined)) return undefined;
  return { part: "log", ...log, groups };
}

function parsePlace(place: string): LogPlace | undefined {
  const [, id, row] = /^m([0-9]{1,19})(?:\.([0-9]{1,19}))?$/.exec(place) ?? [];
  const found = { id: numberIn(id), row: row === undefined ? idMax : numberIn(row) };
  return found.id === undefined || found.row === undefined ? undefined : { id: found.id, row: found.row };
}

function parseTail(cursor: string): TailPosition | undefined {
  const [, kind, letter, numbers = "", digits] =
    /^([cew])([pir]?)(-?[0-9]{1,19}(?:\.-?[0-9]{1,19}){2,3})(?:g([0-9]{1,19}))?$/.exec(cursor) ?? [];
  const part = tailPartsInOrder.find((each) => tailLetters[each] === letter);
  if (part === undefined) return undefined;
  const key = numbers.split(".").map(BigInt);
  const logId = key.pop() ?? 0n;
  const groups = numberIn(digits);
  if (key.length !== tailStarts[part].length || logId < 0n || logId > idMax) return undefined;
  if (key.some((number) => number > idMax || -number > idMax)) return undefined;
  if (digits !== undefined && groups === undefined) return undefined;
  return { part, key, logId, groups, isWithin: kind === "w", isEnd: kind === "e" };
}

/** Undefined for no digits, and for a number that is none of a row or an id. */
function numberIn(digits: string | undefined): bigint | undefined {
  const number = digits === undefined ? undefined : BigInt(digits);
  return number !== undefined && number <= idMax ? number : undefined;
}

function isLetter(letter: string): letter is keyof typeof letters {
  return letter in letters;
}
