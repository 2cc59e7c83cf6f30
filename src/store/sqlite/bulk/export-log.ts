// Reads the log of an export: messages, and members who join and leave, in the order of ids (export-page.ts).

import type { Database } from "bun:sqlite";
import { reactionsExportedMax } from "../../../base/limits/fixed.ts";
import type { DataRecord } from "../../data-records.ts";
import { logEndOf, logPageOf, PageMessages, type PlacedRecord, type PlacedRecords } from "../../export-page.ts";
import { idMax } from "../../snowflake.ts";
import { messageState } from "../conversations/tables.ts";
import { isUnfinished } from "../member-lookups.ts";
import type { LogPlace, LogPosition } from "../../export-cursor.ts";
import type { ExportGroups, GroupSelection } from "./export-groups.ts";
import type { ExportNames } from "./export-names.ts";

/** Rows that one page reads of each kind, whomever they belong to. */
const rowsReadMax = 4_000;
/** What a page of the log is of. */
export interface LogSelection extends GroupSelection {
  /** Ascending ids of the messages above an id; undefined: all messages are read, and those of the app are taken. */
  readonly ids: ((after: bigint, limit: number) => Iterable<bigint>) | undefined;
  /** No message up to this id is given: the watermark of the app. */
  readonly after: bigint;
  /** Whether members of this group, and this account as a member, are told. */
  readonly hasMember: (group: bigint, account: bigint) => boolean;
}

interface LogRow {
  readonly id: bigint;
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly sent_ns: bigint;
  readonly type: bigint;
  readonly body: string;
  readonly extra: string;
  readonly state: bigint | null;
  readonly reply_to: bigint | null;
  readonly mentions: string | null;
}

interface MemberRow {
  readonly at: bigint;
  readonly number: bigint;
  readonly group: bigint;
  readonly account: bigint;
  readonly until_id: bigint | null;
  readonly joined_ms: bigint;
  readonly alias: string;
  readonly role: bigint;
  readonly owner: bigint;
  readonly muted_until: bigint;
  /** When it left; null if that is not known. */
  readonly left_ns: bigint | null;
}

export class ExportLog {
  private readonly names: ExportNames;
  private readonly groups: ExportGroups;
  private readonly sql;

  constructor(db: Database, names: ExportNames, groups: ExportGroups) {
    this.names = names;
    this.groups = groups;
    const columns = "id, inbox, sender, sent_ns, type, body, extra, state, reply_to, mentions";
    const member = `m.number, m."group", m.account, m.until_id, m.joined_ms, m.alias, m.role, m.muted_until, g.owner,
      (SELECT e.at_ns FROM entry e WHERE e.id = m.until_id) AS left_ns`;
    const members = (at: "from_id" | "until_id"): string =>
      `SELECT m.${at} AS at, ${member} FROM member m JOIN "group" g ON g.number = m."group"
       WHERE (m.${at}, m.number) > (?1, ?2) AND m.${at} <= ?3 AND NOT ${isUnfinished('m."group"')}
       ORDER BY m.${at}, m.number LIMIT ${rowsReadMax}`;
    this.sql = {
      last: db.prepare<{ last_id: bigint }, []>("SELECT last_id FROM sequence"),
      all: db.prepare<LogRow, [bigint]>(`SELECT ${columns} FROM message WHERE id > ? ORDER BY id LIMIT ${rowsReadMax}`),
      one: db.prepare<LogRow, [bigint]>(`SELECT ${columns} FROM message WHERE id = ?`),
      joined: db.prepare<MemberRow, [bigint, bigint, bigint]>(members("from_id")),
      left: db.prepare<MemberRow, [bigint, bigint, bigint]>(members("until_id")),
      media: db.prepare<{ id: string; name: string; type: string; size: bigint }, [bigint]>(
        `SELECT m.id, m.name, m.type, m.size FROM media_use u JOIN media m ON m.id = u.media
         WHERE u.message = ? ORDER BY u.place`,
      ),
      reactions: db.prepare<{ account: bigint; reaction: string }, [bigint]>(
        `SELECT account, reaction FROM reaction WHERE message = ? LIMIT ${reactionsExportedMax}`,
      ),
    };
  }

  /** `now`: in seconds since 1970. */
  page(selection: LogSelection, from: LogPosition, limit: number, now: bigint) {
    const end = { id: this.endOf(selection.app, from.id), row: idMax };
    const messages = this.messages(selection, from, limit, end);
    const joined = this.members("joined", selection, from, messages.reached.id, now);
    const left = this.members("left", selection, from, messages.reached.id, now);
    return logPageOf(from, [messages, joined, left], end, limit);
  }

  /** The end of the log of an app, behind a place. */
  endOf(app: string, after: bigint): bigint {
    return logEndOf(after, this.sql.last.get()?.last_id ?? 0n, this.groups.creatingId(app));
  }

  private messages(selection: LogSelection, from: LogPosition, limit: number, end: LogPlace): PlacedRecords {
    const { app, ids, after } = selection;
    const start = from.id > after ? from.id : after;
    const page = new PageMessages(limit);
    const take = (row: LogRow): boolean => {
      const place = row.inbox < 0n ? this.groups.placeOf(selection, -row.inbox) : 0n;
      // The system talks to groups in which it has never been. An export of it has nothing of them.
      const record = place === undefined ? undefined : this.messageRecord(app, row);
      return record === undefined || page.add(row.id, record, lacksGroup(from, place));
    };
    const { found } = page;
    if (ids === undefined) {
      const rows = this.sql.all.all(start);
      for (const row of rows) {
        if (row.id > end.id) return { found, reached: end };
        if (!take(row)) return { found, reached: { id: row.id, row: idMax } };
      }
      const last = rows.at(-1);
      return { found, reached: rows.length < rowsReadMax || last === undefined ? end : { id: last.id, row: idMax } };
    }
    let read = 0;
    for (const id of ids(start, limit)) {
      if (id > end.id) break;
      const row = this.sql.one.get(id);
      const goesOn = row === null || take(row);
      if (!goesOn || ++read === rowsReadMax) return { found, reached: { id, row: idMax } };
    }
    return { found, reached: end };
  }

  private members(
    kind: "joined" | "left",
    selection: LogSelection,
    from: LogPosition,
    until: bigint,
    now: bigint,
  ): PlacedRecords {
    const rows = this.sql[kind].all(from.id, from.row, until);
    const found = rows.flatMap((row): PlacedRecord[] => {
      const group = this.names.group(row.group);
      const account = this.names.account(row.account);
      if (group?.app !== selection.app || account?.app !== selection.app) return [];
      if (!selection.hasMember(row.group, row.account)) return [];
      const { at: id, number } = row;
      const leaveTime = kind === "left" ? { leaveTime: leaveSecondsOf(row) } : {};
      const role = row.owner === row.account ? "owner" : row.role > 0n ? "admin" : "member";
      const member = {
        group: group.id,
        account: account.name,
        role: row.until_id === null ? role : "member",
        alias: row.alias,
        joinTime: Number(row.joined_ms / 1_000n),
        ...leaveTime,
        mutedUntil: row.muted_until > now ? Number(row.muted_until) : 0,
      } as const;
      const place = this.groups.placeOf(selection, row.group);
      return [{ id, row: number, record: { member }, lacksGroup: lacksGroup(from, place) }];
    });
    const last = rows.at(-1);
    const isAll = rows.length < rowsReadMax || last === undefined;
    return { found, reached: isAll ? { id: until, row: idMax } : { id: last.at, row: last.number } };
  }

  /** Undefined for a message of another app. */
  private messageRecord(app: string, row: LogRow): DataRecord | undefined {
    const sender = this.names.account(row.sender);
    const group = row.inbox < 0n ? this.names.group(-row.inbox) : null;
    const receiver = row.inbox > 0n ? this.names.account(row.inbox) : null;
    // What a deleted account has left has no text, and names nobody.
    if (sender?.app !== app || (group ?? receiver)?.app !== app) return undefined;
    const state = Number(row.state ?? 0n);
    const message = {
      messageId: `${row.id}`,
      sender: sender.name,
      ...(group === null ? { account: receiver?.name ?? "" } : { group: group.id }),
      sendTime: `${row.sent_ns}`,
      type: Number(row.type),
      body: row.body,
      extra: row.extra,
      mentions: row.mentions?.split(",") ?? [],
      replyTo: `${row.reply_to ?? 0n}`,
      edited: (state & messageState.edited) !== 0,
      recalled: (state & messageState.recalled) !== 0,
      reactions: (state & messageState.hasReactions) === 0 ? [] : this.reactionsOf(row.id),
      media: this.sql.media.all(row.id).map(({ size, ...file }) => ({ ...file, size: Number(size) })),
    };
    return { message };
  }

  private reactionsOf(id: bigint): { readonly account: string; readonly reaction: string }[] {
    return this.sql.reactions.all(id).flatMap(({ account, reaction }) => {
      const named = this.names.account(account);
      return named === null || named.app === "" ? [] : [{ account: named.name, reaction }];
    });
  }
}

/** Whether the export has not given a group yet. */
function lacksGroup({ groups = 0n }: LogPosition, place: bigint | undefined): boolean {
  return place !== undefined && place > groups;
}

/** The entry of the change says when; without one it was after the account had joined. */
function leaveSecondsOf({ left_ns, joined_ms }: MemberRow): number {
  return Number(left_ns === null ? joined_ms / 1_000n : left_ns / 1_000_000_000n);
}
