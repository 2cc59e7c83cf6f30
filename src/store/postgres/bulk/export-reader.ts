// Pages of an export: profiles, what accounts have set, files, groups, then the log (store/export-page.ts) and what
// rests on it (export-tail.ts). A page reads a bounded number of rows, whomever they belong to, and may be empty before
// the end. Its statements see different moments; that does not matter, because everything up to the last
// id, which is read first, was committed by then.

import type { SQL } from "bun";
import { reactionsExportedMax } from "../../../base/limits/fixed.ts";
import type { ExportPage, ExportQuery } from "../../data.ts";
import { type DataRecord, groupThatWasLeft, hasSetAnything, type MediaRecord } from "../../data-records.ts";
import {
  behindFiles,
  behindGroups,
  formatCursor,
  type GroupsPosition,
  isInTail,
  type LogPosition,
  parseCursor,
  type RowPosition,
} from "../../export-cursor.ts";
import {
  logEndOf,
  logPageOf,
  PageMessages,
  type PlacedRecord,
  type PlacedRecords,
  withinReactions,
} from "../../export-page.ts";
import { takenRows } from "../../export-rows.ts";
import { startBehindLog } from "../../export-tail.ts";
import { idMax } from "../../snowflake.ts";
import type { Connections } from "../connection.ts";
import { fromText, toText } from "../text.ts";
import { accountRecord, groupRecord, memberOf, messageRecord } from "./export-records.ts";
import {
  type AccountRow,
  accountsPage,
  type FileRow,
  filesPage,
  type GroupRow,
  groupsPage,
  type LogEnds,
  logEnds,
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
import { partsOf, tailOf } from "./export-tail.ts";

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
    if (isInTail(from)) {
      const { records, position, isEnd } = await tailOf(this.connections, life, selected, from, query.limit);
      return { result: "page", records, cursor: formatCursor(position), isEnd };
    }
    if (from.part === "log") {
      const { records, position, isEnd } = await this.log(life, selected, from, query.limit);
      const isBehind = isEnd && position.part === "log";
      const next = isBehind ? startBehindLog(partsOf(selected), position) : position;
      return { result: "page", records, cursor: formatCursor(next), isEnd: false };
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

  private part(life: string, selected: Selected, from: RowPosition | GroupsPosition, limit: number) {
    switch (from.part) {
      case "profiles":
        return this.profiles(life, selected, from, limit);
      case "accounts":
        return this.accounts(life, selected, from, limit);
      case "files":
        return this.files(life, selected, from, limit);
      case "groups":
        return this.groups(life, selected, from, limit);
    }
  }

  /** Of an app, those who have set nothing are passed over. */
  private async accounts(life: string, selected: Selected, from: RowPosition, limit: number) {
    const rows = await this.run<AccountRow[]>((sql) => accountsPage(sql, life, selected, from.id));
    // There are more, too, where these are fewer than were looked at.
    const hasMore = rows.length >= rowsReadMax || rows.length < Number(rows[0]?.looked ?? 0n);
    const next = { ...from, part: "files", id: 0n } as const;
    const recordOf = (row: AccountRow): DataRecord | undefined => {
      const account = fromText(row.app) === selected.app ? accountRecord(row) : undefined;
      return account && (selected.account !== undefined || hasSetAnything(account)) ? { account } : undefined;
    };
    return takenRows(rows, { from, limit, next, hasMore }, recordOf);
  }

  private async files(life: string, selected: Selected, from: RowPosition, limit: number) {
    const rows = await this.run<FileRow[]>((sql) => filesPage(sql, life, selected, from.id));
    const hasMore = rows.length >= rowsReadMax;
    const next = behindFiles(from);
    return takenRows(rows, { from, limit, next, hasMore }, (row) =>
      fromText(row.app) === selected.app
        ? {
            file: {
              account: fromText(row.account),
              id: row.id,
              name: fromText(row.name),
              type: fromText(row.type),
              size: Number(row.size),
            },
          }
        : undefined,
    );
  }

  private async profiles(life: string, selected: Selected, from: RowPosition, limit: number) {
    const rows = await this.run<ProfileRow[]>((sql) => profilesPage(sql, life, selected, from.id));
    const hasMore = rows.length >= rowsReadMax;
    const next = { ...from, part: "accounts", id: 0n } as const;
    return takenRows(rows, { from, limit, next, hasMore }, (row) =>
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

  private async groups(life: string, selected: Selected, from: GroupsPosition, limit: number) {
    const rows = await this.run<GroupRow[]>((sql) => groupsPage(sql, life, selected, from.id));
    const next = behindGroups({ ...from, id: rows.at(-1)?.number ?? from.id });
    const hasMore = rows.length >= rowsReadMax;
    return takenRows(rows, { from, limit, next, hasMore }, (row) =>
      fromText(row.app) === selected.app
        ? { group: row.is_seen ? groupRecord(row) : groupThatWasLeft(fromText(row.id)) }
        : undefined,
    );
  }

  private async log(life: string, selected: Selected, from: LogPosition, limit: number) {
    const [ends] = await this.run<LogEnds[]>((sql) => logEnds(sql, life, selected.app));
    const end = { id: logEndOf(from.id, ends?.last_id ?? 0n, ends?.creating_id ?? null), row: idMax };
    const watermark = ends?.watermark_id ?? 0n;
    const after = from.id > watermark ? from.id : watermark;
    const messages = await this.messages(life, selected, from, { after, endId: end.id }, limit);
    const isTold = selected.peer === undefined;
    const until = messages.reached.id;
    const joined = isTold ? await this.members(life, "from_id", selected, from, until) : messages;
    const left = isTold ? await this.members(life, "until_id", selected, from, until) : messages;
    return logPageOf(from, isTold ? [messages, joined, left] : [messages], end, limit);
  }

  private async messages(
    life: string,
    selected: Selected,
    from: LogPosition,
    { after, endId }: { readonly after: bigint; readonly endId: bigint },
    limit: number,
  ): Promise<PlacedRecords> {
    const isWhole = selected.account === undefined && selected.group === undefined;
    const idsRead = isWhole ? rowsReadMax : Math.min(idsMax, limit);
    const ids = isWhole
      ? undefined
      : (await this.run<{ id: bigint }[]>((sql) => messageIds(sql, life, selected, after, endId, idsRead))).map(
          ({ id }) => id,
        );
    const all = await this.run<MessageRow[]>((sql) => messagesPage(sql, life, selected, { after, endId, ids }));
    // Of other apps' messages nothing more is read.
    const countOf = (row: MessageRow): number =>
      fromText(row.sender_app) === selected.app ? Number(row.reactions) : 0;
    const rows = withinReactions(all, countOf);
    const reactions = await this.reactionsOf(
      life,
      rows.filter((row) => countOf(row) > 0),
    );
    const media = await this.mediaOf(life, rows);
    const page = new PageMessages(limit);
    const { found } = page;
    for (const row of rows) {
      const record = messageRecord(selected.app, row, reactions.get(row.id) ?? [], media.get(row.id) ?? []);
      if (record !== undefined && !page.add(row.id, record, lacksGroup(from, row)))
        return { found, reached: { id: row.id, row: idMax } };
    }
    if (rows.length < all.length) return { found, reached: { id: rows.at(-1)?.id ?? after, row: idMax } };
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
    if (rows.length === 0) return found;
    const ids = rows.map(({ id }) => id);
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
    from: LogPosition,
    until: bigint,
  ): Promise<PlacedRecords> {
    const rows = await this.run<MemberRow[]>((sql) => membersPage(sql, life, column, selected, from, until));
    const found = rows.flatMap((row): PlacedRecord[] => {
      if (fromText(row.group_app) !== selected.app || fromText(row.account_app) !== selected.app) return [];
      if (selected.group !== undefined && row.chat_group !== selected.group) return [];
      if (selected.account !== undefined && row.account_number !== selected.account) return [];
      const { at: id, number } = row;
      return [{ id, row: number, record: { member: memberOf(row, column) }, lacksGroup: lacksGroup(from, row) }];
    });
    const last = rows.at(-1);
    const isAll = rows.length < rowsReadMax || last === undefined;
    return { found, reached: isAll ? { id: until, row: idMax } : { id: last.at, row: last.number } };
  }
}

/** Whether the export has not given the group of a row yet. */
function lacksGroup({ groups = 0n }: LogPosition, { group_place: place }: Pick<MemberRow, "group_place">): boolean {
  return place !== null && place > groups;
}
