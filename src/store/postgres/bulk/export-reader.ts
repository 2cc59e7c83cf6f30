// Pages of an export: profiles, groups, then the log (store/export-page.ts). A page reads a bounded number of rows,
// whomever they belong to, and may be empty before the end. Its statements see different moments; that does not matter,
// because everything up to the last id, which is read first, was committed by then.

import type { SQL } from "bun";
import { reactionsExportedMax } from "../../../base/limits/fixed.ts";
import type { ExportPage, ExportQuery } from "../../data.ts";
import {
  type AccountRecord,
  type DataRecord,
  groupThatWasLeft,
  hasSetAnything,
  type MediaRecord,
} from "../../data-records.ts";
import { type ExportPosition, formatCursor, parseCursor, startOf } from "../../export-cursor.ts";
import { logPageOf, PageMessages, type PlacedRecord, type PlacedRecords } from "../../export-page.ts";
import { idMax } from "../../snowflake.ts";
import { messageState } from "../message-state.ts";
import type { Connections } from "../connection.ts";
import { fromText, toText } from "../text.ts";
import {
  type AccountRow,
  accountsPage,
  type GroupRow,
  groupsPage,
  mediaOf,
  type MediaRow,
  type MemberRow,
  membersPage,
  type MessageRow,
  messageIds,
  messagesPage,
  type ProfileRow,
  profilesPage,
  reactionsOf,
  rowsReadMax,
  type Selected,
} from "./export-statements.ts";

/** Messages that are looked up by ids at once: each of an account's groups offers as many. */
const idsMax = 200;

export class ExportReader {
  private readonly connections: Connections;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  /** `life`: the store's. */
  async page(life: string, query: ExportQuery): Promise<ExportPage> {
    const from = parseCursor(query.cursor);
    if (from === undefined) return { result: "badCursor" };
    const selected = await this.select(life, query);
    if (selected === undefined) return { result: "notFound" };
    if (from.part === "log") {
      const { records, position, isEnd } = await this.log(life, selected, from, query.limit);
      return { result: "page", records, cursor: formatCursor(position), isEnd };
    }
    const { records, position } = await this.part(life, selected, from, query.limit);
    return { result: "page", records, cursor: formatCursor(position), isEnd: false };
  }

  private run<T>(statement: (sql: SQL) => Promise<T>): Promise<T> {
    return this.connections.run(statement);
  }

  private async select(life: string, { app, account, peer, group }: ExportQuery): Promise<Selected | undefined> {
    const [row] = await this.run<{ account: bigint | null; peer: bigint | null; its_group: bigint | null }[]>(
      (sql) => sql`SELECT roost.account_number(${toText(app)}, ${toText(account ?? "")}) AS account,
          roost.account_number(${toText(app)}, ${toText(peer ?? "")}) AS peer,
          (SELECT g.number FROM roost.chat_group g WHERE g.app = ${toText(app)} AND g.id = ${toText(group ?? "")})
            AS its_group
        WHERE roost.require_life(${life})`,
    );
    const found = { app, account: row?.account ?? undefined, peer: row?.peer ?? undefined };
    const selected = { ...found, group: row?.its_group ?? undefined };
    const isMissing =
      (group !== undefined && selected.group === undefined) ||
      (account !== undefined && selected.account === undefined) ||
      (peer !== undefined && selected.peer === undefined);
    return isMissing ? undefined : selected;
  }

  private part(life: string, selected: Selected, from: ExportPosition, limit: number) {
    switch (from.part) {
      case "profiles":
        return this.profiles(life, selected, from, limit);
      case "accounts":
        return this.accounts(life, selected, from, limit);
      default:
        return this.groups(life, selected, from, limit);
    }
  }

  /** Of an app, those who have set nothing are passed over. */
  private async accounts(life: string, selected: Selected, from: ExportPosition, limit: number) {
    const rows = await this.run<AccountRow[]>((sql) => accountsPage(sql, life, selected, from.id));
    const isCut = rows.length < Number(rows[0]?.looked ?? 0n);
    const recordOf = (row: AccountRow): DataRecord | undefined => {
      const account = fromText(row.app) === selected.app ? accountRecord(row) : undefined;
      return account && (selected.account !== undefined || hasSetAnything(account)) ? { account } : undefined;
    };
    return taken(rows, limit, startOf("groups"), "accounts", recordOf, isCut);
  }

  private async profiles(life: string, selected: Selected, from: ExportPosition, limit: number) {
    const rows = await this.run<ProfileRow[]>((sql) => profilesPage(sql, life, selected, from.id));
    return taken(rows, limit, startOf("accounts"), "profiles", (row) =>
      fromText(row.app) === selected.app
        ? {
            profile: {
              account: fromText(row.account),
              name: fromText(row.name),
              avatar: fromText(row.avatar),
              extra: fromText(row.extra),
            },
          }
        : undefined,
    );
  }

  private async groups(life: string, selected: Selected, from: ExportPosition, limit: number) {
    const rows = await this.run<GroupRow[]>((sql) => groupsPage(sql, life, selected, from.id));
    return taken(rows, limit, startOf("log"), "groups", (row) =>
      fromText(row.app) === selected.app
        ? { group: row.is_seen ? groupRecord(row) : groupThatWasLeft(fromText(row.id)) }
        : undefined,
    );
  }

  private async log(life: string, selected: Selected, from: ExportPosition, limit: number) {
    const [ends] = await this.run<{ last_id: bigint; watermark_id: bigint }[]>(
      (sql) => sql`SELECT s.last_id, roost.watermark_of(${toText(selected.app)}) AS watermark_id
        FROM roost.sequence s WHERE roost.require_life(${life})`,
    );
    const end = { id: ends?.last_id ?? 0n, row: idMax };
    const watermark = ends?.watermark_id ?? 0n;
    const after = from.id > watermark ? from.id : watermark;
    const messages = await this.messages(life, selected, after, limit, end.id);
    const isTold = selected.peer === undefined;
    const until = messages.reached.id;
    const joined = isTold ? await this.members(life, "from_id", selected, from, until) : messages;
    const left = isTold ? await this.members(life, "until_id", selected, from, until) : messages;
    return logPageOf(isTold ? [messages, joined, left] : [messages], end, limit);
  }

  private async messages(
    life: string,
    selected: Selected,
    after: bigint,
    limit: number,
    endId: bigint,
  ): Promise<PlacedRecords> {
    const isWhole = selected.account === undefined && selected.group === undefined;
    const idsRead = isWhole ? rowsReadMax : Math.min(idsMax, limit);
    const ids = isWhole
      ? undefined
      : (await this.run<{ id: bigint }[]>((sql) => messageIds(sql, life, selected, after, endId, idsRead))).map(
          ({ id }) => id,
        );
    const rows = await this.run<MessageRow[]>((sql) => messagesPage(sql, life, { after, endId, ids }));
    const reactions = await this.reactionsOf(life, rows);
    const media = await this.mediaOf(life, rows);
    const page = new PageMessages(limit);
    const { found } = page;
    for (const row of rows) {
      const record = messageRecord(selected.app, row, reactions.get(row.id) ?? [], media.get(row.id) ?? []);
      if (record !== undefined && !page.add(row.id, record)) return { found, reached: { id: row.id, row: idMax } };
    }
    const lastRead = isWhole ? rows.at(-1)?.id : ids?.at(-1);
    const isAll = (isWhole ? rows.length : (ids?.length ?? 0)) < idsRead || lastRead === undefined;
    return { found, reached: { id: isAll ? endId : lastRead, row: idMax } };
  }

  private async mediaOf(life: string, rows: readonly MessageRow[]) {
    const found = new Map<bigint, MediaRecord[]>();
    if (rows.length === 0) return found;
    const ids = rows.map(({ id }) => id);
    const named = await this.run<MediaRow[]>((sql) => mediaOf(sql, life, ids));
    for (const { message, id, name, type, size } of named)
      found
        .getOrInsertComputed(message, () => [])
        .push({ id: fromText(id), name: fromText(name), type: fromText(type), size: Number(size) });
    return found;
  }

  private async reactionsOf(life: string, rows: readonly MessageRow[]) {
    const found = new Map<bigint, { readonly account: string; readonly reaction: string }[]>();
    const ids = rows.filter((row) => row.has_reactions).map(({ id }) => id);
    if (ids.length === 0) return found;
    const given = await this.run<{ message: bigint; account: string; reaction: string }[]>((sql) =>
      reactionsOf(sql, life, ids, reactionsExportedMax),
    );
    for (const { message, account, reaction } of given)
      found.getOrInsertComputed(message, () => []).push({ account: fromText(account), reaction: fromText(reaction) });
    return found;
  }

  private async members(
    life: string,
    column: "from_id" | "until_id",
    selected: Selected,
    from: ExportPosition,
    until: bigint,
  ): Promise<PlacedRecords> {
    const rows = await this.run<MemberRow[]>((sql) => membersPage(sql, life, column, from, until));
    const found = rows.flatMap((row): PlacedRecord[] => {
      if (fromText(row.group_app) !== selected.app || fromText(row.account_app) !== selected.app) return [];
      if (selected.group !== undefined && row.chat_group !== selected.group) return [];
      if (selected.account !== undefined && row.account_number !== selected.account) return [];
      const { at: id, number } = row;
      return [
        {
          id,
          row: number,
          record: { cursor: formatCursor({ part: "log", id, row: number }), member: memberOf(row, column) },
        },
      ];
    });
    const last = rows.at(-1);
    const isAll = rows.length < rowsReadMax || last === undefined;
    return { found, reached: isAll ? { id: until, row: idMax } : { id: last.at, row: last.number } };
  }
}

/**
 * The records of rows in the order of their numbers; when there are none left, the export goes on with `next`.
 * `isCut`: there are more, although these are fewer than a statement may return.
 */
function taken<Row extends { readonly number: bigint }>(
  rows: readonly Row[],
  limit: number,
  next: ExportPosition,
  part: ExportPosition["part"],
  recordOf: (row: Row) => DataRecord | undefined,
  isCut = false,
): { readonly records: readonly DataRecord[]; readonly position: ExportPosition } {
  const records: DataRecord[] = [];
  for (const row of rows) {
    const record = recordOf(row);
    if (record === undefined) continue;
    const position = { part, id: row.number, row: idMax };
    records.push({ cursor: formatCursor(position), ...record });
    if (records.length === limit) return { records, position };
  }
  const last = rows.length < rowsReadMax && !isCut ? undefined : rows.at(-1);
  return { records, position: last === undefined ? next : { part, id: last.number, row: idMax } };
}

function memberOf(row: MemberRow, column: "from_id" | "until_id") {
  const role = row.is_owner ? "owner" : row.role > 0 ? "admin" : "member";
  // The entry of the change says when it left; without one it was after it had joined.
  const leftS = row.left_ns === null ? row.joined_ms / 1_000n : row.left_ns / 1_000_000_000n;
  return {
    group: fromText(row.group_id),
    account: fromText(row.account),
    role: row.is_open ? role : "member",
    alias: fromText(row.alias),
    joinTime: Number(row.joined_ms / 1_000n),
    ...(column === "until_id" && { leaveTime: Number(leftS) }),
  } as const;
}

/** Undefined for a message of another app. */
function messageRecord(
  app: string,
  row: MessageRow,
  reactions: readonly { readonly account: string; readonly reaction: string }[],
  media: readonly MediaRecord[],
): DataRecord | undefined {
  // What a deleted account has left has no text, and names nobody.
  if (fromText(row.sender_app) !== app || fromText(row.dest_app ?? "") !== app) return undefined;
  const state = row.state ?? 0;
  const dest = fromText(row.dest ?? "");
  const message = {
    messageId: `${row.id}`,
    sender: fromText(row.sender),
    ...(row.to_group ? { group: dest } : { account: dest }),
    sendTime: `${row.sent_ns}`,
    type: row.type,
    body: fromText(row.body),
    extra: fromText(row.extra),
    mentions: row.mentions === null ? [] : fromText(row.mentions).split(","),
    replyTo: `${row.reply_to ?? 0n}`,
    edited: (state & messageState.edited) !== 0,
    recalled: (state & messageState.recalled) !== 0,
    reactions,
    media,
  };
  return { cursor: formatCursor({ part: "log", id: row.id, row: idMax }), message };
}

function accountRecord(row: AccountRow): AccountRecord {
  return {
    account: fromText(row.account),
    write: row.write_rule ?? "everybody",
    add: row.add_rule ?? "everybody",
    blocked: row.blocked.map(fromText),
    devices: row.devices.map(fromText),
  };
}

function groupRecord(row: GroupRow) {
  const owner = row.owner_app === row.app ? fromText(row.owner ?? "") : "";
  return {
    id: fromText(row.id),
    name: fromText(row.name),
    avatar: fromText(row.avatar),
    introduction: fromText(row.introduction),
    announcement: fromText(row.announcement),
    owner,
    createdAt: Number(row.created_ms / 1_000n),
    closed: row.closed,
    approval: row.approval,
    muted: row.for_admins,
    // Whoever owned it last was deleted, and nobody has inherited it.
    dismissed: row.dismissed_id > 0n || owner === "",
  };
}
