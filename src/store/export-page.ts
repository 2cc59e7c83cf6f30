// Puts together a page of the log of an export: messages, and members who join and leave, in the order of ids. They are
// read one after the other, each up to some id: whatever ends first bounds the others, so that nothing is passed over.

import { reactionsExportedMax } from "../base/limits/fixed.ts";
import type { DataRecord } from "./data-records.ts";
import { formatCursor, groupsBehind, type GroupsPosition, type LogPlace, type LogPosition } from "./export-cursor.ts";
import { idMax } from "./snowflake.ts";

/** The text of one page, in characters; a message may go beyond. */
const pageCharactersMax = 512 * 1024;
/** The reactions of one page; a message may go beyond. */
const pageReactionsMax = reactionsExportedMax;

/** A record and its place. */
export interface PlacedRecord extends LogPlace {
  readonly record: DataRecord;
  /** It names a group that the export has not given. */
  readonly lacksGroup: boolean;
}

/** Records of one kind, and up to where all of them were read. */
export interface PlacedRecords {
  readonly found: readonly PlacedRecord[];
  readonly reached: LogPlace;
}

interface LogPage {
  readonly records: readonly DataRecord[];
  readonly position: LogPosition | GroupsPosition;
  readonly isEnd: boolean;
}

/** Collects messages until a page has enough. */
export class PageMessages {
  readonly found: PlacedRecord[] = [];
  private readonly limit: number;
  private characters = 0;
  private reactions = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Returns false if the page has enough. */
  add(id: bigint, record: DataRecord, lacksGroup: boolean): boolean {
    this.found.push({ id, row: idMax, record, lacksGroup });
    const { body = "", extra = "", reactions = [] } = record.message ?? {};
    this.characters += body.length + extra.length;
    this.reactions += reactions.length;
    const hasRoom = this.characters < pageCharactersMax && this.reactions < pageReactionsMax;
    return hasRoom && this.found.length < this.limit;
  }
}

/**
 * Up to where the log is given, behind `after`. `lastId`: of the store; `creatingId`: the first id of those groups of
 * the app that are being created, or null. Their members have ids from there on, but show when all of them are there.
 */
export function logEndOf(after: bigint, lastId: bigint, creatingId: bigint | null): bigint {
  const end = creatingId === null ? lastId : creatingId - 1n;
  return end > after ? end : after;
}

/** `from`: where the page begins; `end`: the end of the log. It ends before a record whose group was not given. */
export function logPageOf(from: LogPosition, parts: readonly PlacedRecords[], end: LogPlace, limit: number): LogPage {
  const { groups } = from;
  const reached = parts.reduce((least, { reached: other }) => (isAfter(least, other) ? other : least), end);
  const found = parts
    .flatMap((part) => part.found)
    .filter((placed) => !isAfter(placed, reached))
    .toSorted((one, other) => (isAfter(one, other) ? 1 : -1));
  const lacking = found.findIndex(({ lacksGroup }) => lacksGroup);
  const isLacking = lacking >= 0 && lacking < limit;
  const page = found.slice(0, isLacking ? lacking : limit);
  const last = page.at(-1);
  const isCut = found.length > page.length;
  const { id, row } = isCut ? (last ?? from) : reached;
  const position: LogPosition = { part: "log", id, row, groups };
  return {
    records: page.map((placed) => ({
      cursor: formatCursor({ part: "log", id: placed.id, row: placed.row, groups }),
      ...placed.record,
    })),
    position: isLacking ? groupsBehind(position) : position,
    isEnd: !isCut && !isAfter(end, reached),
  };
}

function isAfter(one: LogPlace, other: LogPlace): boolean {
  return one.id === other.id ? one.row > other.row : one.id > other.id;
}

/**
 * The first rows of messages whose reactions are as many as a page has, by their counts: those of the others need not
 * be read.
 */
export function withinReactions<Row>(rows: readonly Row[], countOf: (row: Row) => number): readonly Row[] {
  let reactions = 0;
  const end = rows.findIndex((row) => (reactions += Math.min(countOf(row), reactionsExportedMax)) >= pageReactionsMax);
  return end < 0 ? rows : rows.slice(0, end + 1);
}
