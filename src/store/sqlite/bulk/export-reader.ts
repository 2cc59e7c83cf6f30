// Pages of an export, each from one snapshot: profiles, what accounts have set, files, groups, then the log
// (export-log.ts) and what rests on it (export-tail.ts). A page reads a bounded number of rows, whomever they belong
// to, and may be empty before the end.

import type { Database } from "bun:sqlite";
import { exportNamesMax } from "../../../base/limits/fixed.ts";
import type { ExportPage, ExportQuery, ExportScope } from "../../data.ts";
import { type DataRecord, hasSetAnything } from "../../data-records.ts";
import { chunked, mergeAscending } from "../index/id-merge.ts";
import type { LogIndex } from "../index/log-index.ts";
import type { LogReader } from "../log-reader.ts";
import {
  behindFiles,
  behindGroups,
  type ExportPosition,
  formatCursor,
  type GroupsPosition,
  isInTail,
  type LogPosition,
  parseCursor,
  type RowPosition,
} from "../../export-cursor.ts";
import { takenRows } from "../../export-rows.ts";
import { startBehindLog } from "../../export-tail.ts";
import { pinKey } from "../groups/pins.ts";
import { ExportGroups } from "./export-groups.ts";
import { ExportLog, type LogSelection } from "./export-log.ts";
import { ExportNames } from "./export-names.ts";
import { type AccountRow, ExportOwn } from "./export-own.ts";
import { ExportTail, partsOf, type TailSelection } from "./export-tail.ts";
import { ExportViews, type Views } from "./export-views.ts";

const rowsReadMax = 2_000;

interface ProfileRow {
  readonly number: bigint;
  readonly app: string;
  readonly account: string;
  readonly name: string;
  readonly avatar: string;
  readonly extra: string;
}

/** What a scope names, by number. */
interface Selected extends LogSelection {
  readonly tail: TailSelection;
}

/** Records of one part, and where to go on. */
interface Part {
  readonly records: readonly DataRecord[];
  readonly position: ExportPosition;
  readonly isEnd: boolean;
}

export class ExportReader {
  private readonly logIndex: LogIndex;
  private readonly logReader: LogReader;
  private readonly names: ExportNames;
  private readonly log: ExportLog;
  private readonly groups: ExportGroups;
  private readonly own: ExportOwn;
  private readonly tail: ExportTail;
  private readonly sql;

  constructor(db: Database, logIndex: LogIndex, logReader: LogReader, views: Views) {
    this.logIndex = logIndex;
    this.logReader = logReader;
    this.names = new ExportNames(db);
    this.groups = new ExportGroups(db, rowsReadMax);
    this.log = new ExportLog(db, this.names, this.groups);
    this.own = new ExportOwn(db);
    const ofViews = new ExportViews(db, this.names, this.groups, logIndex, views);
    this.tail = new ExportTail(db, this.names, this.groups, ofViews);
    const profile = `SELECT p.account AS number, a.app, a.name AS account, p.name, p.avatar, p.extra
      FROM profile p JOIN account a ON a.number = p.account`;
    this.sql = {
      account: db.prepare<{ number: bigint }, [string, string]>(
        "SELECT number FROM account WHERE app = ? AND name = ?",
      ),
      group: db.prepare<{ number: bigint }, [string, string]>(`SELECT number FROM "group" WHERE app = ? AND id = ?`),
      profiles: db.prepare<ProfileRow, [bigint]>(
        `${profile} WHERE p.account > ? ORDER BY p.account LIMIT ${rowsReadMax}`,
      ),
      profile: db.prepare<ProfileRow, [bigint]>(`${profile} WHERE p.account = ?`),
    };
  }

  /** Inside a snapshot in which the index covers the log. `now`: in seconds since 1970. */
  page(query: ExportQuery, now: bigint): ExportPage {
    this.names.forget();
    const from = parseCursor(query.cursor);
    if (from === undefined) return { result: "badCursor" };
    const selected = this.select(query);
    if (selected === undefined) return { result: "notFound" };
    const { records, position, isEnd } = this.part(selected, from, query.limit, now);
    return { result: "page", records, cursor: formatCursor(position), isEnd };
  }

  private part(selected: Selected, from: ExportPosition, limit: number, now: bigint): Part {
    if (isInTail(from)) {
      const logEnd = this.log.endOf(selected.app, from.logId);
      return this.tail.page(selected.tail, from, limit, logEnd, now);
    }
    switch (from.part) {
      case "profiles":
        return this.profiles(selected, from, limit);
      case "accounts":
        return this.accounts(selected, from, limit);
      case "files":
        return this.files(selected, from, limit);
      case "groups":
        return this.groupsPart(selected, from, limit);
      case "log":
        return this.logPart(selected, from, limit, now);
    }
  }

  private logPart(selected: Selected, from: LogPosition, limit: number, now: bigint): Part {
    const { records, position, isEnd } = this.log.page(selected, from, limit, now);
    const isBehind = isEnd && position.part === "log";
    return { records, position: isBehind ? startBehindLog(partsOf(selected.tail), position) : position, isEnd: false };
  }

  private select({ app, account, peer, group }: ExportScope): Selected | undefined {
    const after = this.logIndex.clippedTo;
    const tail = { app, account: undefined, group: undefined, pair: undefined, after };
    if (group !== undefined) {
      const number = this.sql.group.get(app, group)?.number;
      if (number === undefined) return undefined;
      const ids = (above: bigint): Iterable<bigint> => this.logIndex.receivedOldestFirst(-number, above);
      const hasMember = (one: bigint): boolean => one === number;
      return { app, after, account: 0n, group: number, ids, hasMember, tail: { ...tail, group: number } };
    }
    if (account === undefined)
      return { app, after, account: undefined, group: undefined, ids: undefined, hasMember: () => true, tail };
    const me = this.sql.account.get(app, account)?.number;
    const other = peer === undefined ? me : this.sql.account.get(app, peer)?.number;
    if (me === undefined || other === undefined) return undefined;
    if (peer !== undefined) {
      const ids = (above: bigint): Iterable<bigint> => this.pair(Number(me), Number(other), above);
      const ofPair = { ...tail, pair: pinKey(me, other) };
      return { app, after, account: 0n, group: 0n, ids, hasMember: () => false, tail: ofPair };
    }
    const ids = (above: bigint, limit: number): Iterable<bigint> => this.logReader.idsOf(me, above, limit);
    const hasMember = (_: bigint, member: bigint): boolean => member === me;
    return { app, after, account: me, group: undefined, ids, hasMember, tail: { ...tail, account: me } };
  }

  private pair(one: number, other: number, after: bigint): Iterable<bigint> {
    const sent = this.logIndex.pairOldestFirst(one, other, after);
    if (one === other) return sent;
    const received = this.logIndex.pairOldestFirst(other, one, after);
    return mergeAscending([chunked(sent, after), chunked(received, after)]);
  }

  private profiles({ app, account }: Selected, from: RowPosition, limit: number): Part {
    const rows = account === undefined ? this.sql.profiles.all(from.id) : this.profileOf(account, from.id);
    const hasMore = rows.length >= rowsReadMax;
    const next = { ...from, part: "accounts", id: 0n } as const;
    return takenRows(rows, { from, limit, next, hasMore }, (row) =>
      row.app === app
        ? { profile: { account: row.account, name: row.name, avatar: row.avatar, extra: row.extra } }
        : undefined,
    );
  }

  /** Of an app, those who have set nothing are passed over. */
  private accounts({ app, account }: Selected, from: RowPosition, limit: number): Part {
    const rows = account === undefined ? this.own.after(from.id, rowsReadMax) : this.own.at(account, from.id);
    let names = 0;
    const recordOf = (row: AccountRow): DataRecord | undefined => {
      const record = row.app === app ? this.own.recordOf(row) : undefined;
      names += record === undefined ? 0 : record.blocked.length + record.devices.length;
      return record && (account !== undefined || hasSetAnything(record)) ? { account: record } : undefined;
    };
    const isFull = (): boolean => names >= exportNamesMax;
    const hasMore = rows.length >= rowsReadMax;
    const next = { ...from, part: "files", id: 0n } as const;
    return takenRows(rows, { from, limit, next, hasMore, isFull }, recordOf);
  }

  private files({ app, account }: Selected, from: RowPosition, limit: number): Part {
    const rows = this.own.filesAfter(from.id, account, rowsReadMax);
    const hasMore = rows.length >= rowsReadMax;
    const next = behindFiles(from);
    return takenRows(rows, { from, limit, next, hasMore }, (row) => {
      const { account: of, id, name, type, size } = row;
      return row.app === app ? { file: { account: of, id, name, type, size: Number(size) } } : undefined;
    });
  }

  private profileOf(account: bigint, after: bigint): ProfileRow[] {
    return account > after ? this.sql.profile.all(account) : [];
  }

  private groupsPart(selected: Selected, from: GroupsPosition, limit: number): Part {
    const rows = this.groups.after(selected, from.id);
    const next = behindGroups({ ...from, id: rows.at(-1)?.number ?? from.id });
    const hasMore = rows.length >= rowsReadMax;
    return takenRows(rows, { from, limit, next, hasMore }, (row) => this.groups.recordOf(selected.app, row));
  }
}
