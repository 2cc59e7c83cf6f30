// Pages of an export, each from one snapshot: profiles, what accounts have set, files, groups, then the log
// (export-log.ts) and what rests on it (export-tail.ts). A page reads a bounded number of rows, whomever they belong
// to, and may be empty before the end.

import type { Database } from "bun:sqlite";
import { exportNamesMax } from "../../../base/limits/fixed.ts";
import type { ExportPage, ExportQuery, ExportScope } from "../../data.ts";
import { type DataRecord, type GroupRecord, groupThatWasLeft, hasSetAnything } from "../../data-records.ts";
import { idMax } from "../../snowflake.ts";
import { chunked, mergeAscending } from "../index/id-merge.ts";
import type { LogIndex } from "../index/log-index.ts";
import type { LogReader } from "../log-reader.ts";
import { isUnfinished } from "../member-lookups.ts";
import {
  type ExportPosition,
  formatCursor,
  isInTail,
  parseCursor,
  type RowPosition,
  startOf,
} from "../../export-cursor.ts";
import { startBehindLog } from "../../export-tail.ts";
import { pinKey } from "../groups/pins.ts";
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

interface GroupRow {
  readonly number: bigint;
  readonly app: string;
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly announcement: string;
  /** Null for a group that was imported without one. */
  readonly owner: string | null;
  readonly owner_app: string | null;
  readonly created_ms: bigint;
  readonly closed: bigint;
  readonly approval: bigint;
  readonly for_admins: bigint;
  readonly dismissed_id: bigint;
}

/** What a scope names, by number. */
interface Selected extends LogSelection {
  /** Whose profile and groups; undefined: of the whole app. 0n: nobody's. */
  readonly account: bigint | undefined;
  /** The only group; undefined: all. 0n: none. */
  readonly group: bigint | undefined;
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
  private readonly own: ExportOwn;
  private readonly tail: ExportTail;
  private readonly sql;

  constructor(db: Database, logIndex: LogIndex, logReader: LogReader, views: Views) {
    this.logIndex = logIndex;
    this.logReader = logReader;
    this.names = new ExportNames(db);
    this.log = new ExportLog(db, this.names);
    this.own = new ExportOwn(db);
    this.tail = new ExportTail(db, this.names, new ExportViews(db, this.names, logIndex, views));
    const profile = `SELECT p.account AS number, a.app, a.name AS account, p.name, p.avatar, p.extra
      FROM profile p JOIN account a ON a.number = p.account`;
    const group = `SELECT g.number, g.app, g.id, g.name, g.avatar, g.introduction, g.announcement, a.name AS owner,
        a.app AS owner_app, g.created_ms, g.closed, g.approval, g.for_admins, g.dismissed_id
      FROM "group" g LEFT JOIN account a ON a.number = g.owner WHERE NOT ${isUnfinished("g.number")}`;
    this.sql = {
      account: db.prepare<{ number: bigint }, [string, string]>(
        "SELECT number FROM account WHERE app = ? AND name = ?",
      ),
      group: db.prepare<{ number: bigint }, [string, string]>(`SELECT number FROM "group" WHERE app = ? AND id = ?`),
      profiles: db.prepare<ProfileRow, [bigint]>(
        `${profile} WHERE p.account > ? ORDER BY p.account LIMIT ${rowsReadMax}`,
      ),
      profile: db.prepare<ProfileRow, [bigint]>(`${profile} WHERE p.account = ?`),
      groups: db.prepare<GroupRow, [bigint]>(`${group} AND g.number > ? ORDER BY g.number LIMIT ${rowsReadMax}`),
      groupRow: db.prepare<GroupRow, [bigint]>(`${group} AND g.number = ?`),
      groupsOf: db.prepare<{ group: bigint; is_member: bigint }, [bigint, bigint, number]>(
        `SELECT "group", max(until_id IS NULL) AS is_member FROM member WHERE account = ? AND "group" > ?
         GROUP BY "group" ORDER BY "group" LIMIT ?`,
      ),
    };
  }

  /** Inside a snapshot in which the index covers the log. `now`: in seconds since 1970. */
  page(query: ExportQuery, now: bigint): ExportPage {
    this.names.forget();
    const from = parseCursor(query.cursor);
    if (from === undefined) return { result: "badCursor" };
    const selected = this.select(query);
    if (selected === undefined) return { result: "notFound" };
    const { records, position, isEnd } = isInTail(from)
      ? this.tail.page(selected.tail, from, query.limit, now)
      : this.part(selected, from, query.limit, now);
    return { result: "page", records, cursor: formatCursor(position), isEnd };
  }

  private part(selected: Selected, from: RowPosition, limit: number, now: bigint): Part {
    switch (from.part) {
      case "profiles":
        return this.profiles(selected, from, limit);
      case "accounts":
        return this.accounts(selected, from, limit);
      case "files":
        return this.files(selected, from, limit);
      case "groups":
        return this.groups(selected, from, limit);
      case "log":
        return this.logPart(selected, from, limit, now);
    }
  }

  private logPart(selected: Selected, from: RowPosition, limit: number, now: bigint): Part {
    const page = this.log.page(selected, from, limit, now);
    if (!page.isEnd) return page;
    const position = startBehindLog(partsOf(selected.tail), page.position.id);
    return { records: page.records, position, isEnd: false };
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
    return this.taken(rows, limit, startOf("accounts"), "profiles", (row) =>
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
    return this.taken(rows, limit, startOf("files"), "accounts", recordOf, () => names >= exportNamesMax);
  }

  private files({ app, account }: Selected, from: RowPosition, limit: number): Part {
    const rows = this.own.filesAfter(from.id, account, rowsReadMax);
    return this.taken(rows, limit, startOf("groups"), "files", (row) => {
      const { account: of, id, name, type, size } = row;
      return row.app === app ? { file: { account: of, id, name, type, size: Number(size) } } : undefined;
    });
  }

  private profileOf(account: bigint, after: bigint): ProfileRow[] {
    return account > after ? this.sql.profile.all(account) : [];
  }

  private groups(selected: Selected, from: RowPosition, limit: number): Part {
    const { app, account, group } = selected;
    const left = new Set<bigint>();
    const rowOf = (number: bigint): GroupRow[] => this.sql.groupRow.all(number);
    const rows =
      group !== undefined
        ? group > from.id
          ? rowOf(group)
          : []
        : account === undefined
          ? this.sql.groups.all(from.id)
          : this.sql.groupsOf.all(account, from.id, rowsReadMax).flatMap((found) => {
              if (found.is_member === 0n) left.add(found.group);
              return rowOf(found.group);
            });
    return this.taken(rows, limit, startOf("log"), "groups", (row) => {
      if (row.app !== app) return undefined;
      const isLeft = account !== undefined && (left.has(row.number) || row.dismissed_id > 0n);
      return { group: isLeft ? groupThatWasLeft(row.id) : groupRecord(row) };
    });
  }

  /**
   * The records of rows in the order of their numbers; when there are none left, the export goes on with `next`.
   * `isFull`: the page ends behind the last record that was asked for.
   */
  private taken<Row extends { readonly number: bigint }>(
    rows: readonly Row[],
    limit: number,
    next: RowPosition,
    part: RowPosition["part"],
    recordOf: (row: Row) => DataRecord | undefined,
    isFull = (): boolean => false,
  ): Part {
    const records: DataRecord[] = [];
    for (const row of rows) {
      const record = recordOf(row);
      if (record === undefined) continue;
      const position = { part, id: row.number, row: idMax };
      records.push({ cursor: formatCursor(position), ...record });
      if (records.length === limit || isFull()) return { records, position, isEnd: false };
    }
    const last = rows.length < rowsReadMax ? undefined : rows.at(-1);
    return { records, position: last === undefined ? next : { part, id: last.number, row: idMax }, isEnd: false };
  }
}

function groupRecord(row: GroupRow): GroupRecord {
  const owner = row.owner_app === row.app ? (row.owner ?? "") : "";
  return {
    id: row.id,
    name: row.name,
    avatar: row.avatar,
    introduction: row.introduction,
    announcement: row.announcement,
    owner,
    createdAt: Number(row.created_ms / 1_000n),
    closed: row.closed !== 0n,
    approval: row.approval !== 0n,
    muted: row.for_admins !== 0n,
    // Whoever owned it last was deleted, and nobody has inherited it.
    dismissed: row.dismissed_id > 0n || owner === "",
  };
}
