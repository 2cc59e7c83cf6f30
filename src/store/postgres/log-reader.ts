// Reads the log of an account: the offline index, and the entries for clients with the feature `conversations`. Like
// reader.ts, every statement names the life of the store. A page takes several statements, which use numbers of the
// first.

import type { SQL } from "bun";
import { missedEntriesMax, windowsReadMax } from "../../base/limits/fixed.ts";
import { entryKind, type GroupEntryDetail } from "../conversations.ts";
import { detailOf } from "../group-entries.ts";
import type { IndexEntry, IndexQuery, LogEntry, LogPage, LogQuery } from "../store.ts";
import { indexBackMs } from "../trusted-time.ts";
import type { Connections } from "./connection.ts";
import { mediaIn } from "./media/postgres-media.ts";
import { messageState } from "./message-state.ts";
import { StreamMerge, type IdRange, type Want } from "./stream-merge.ts";
import { fromText, toText } from "./text.ts";

/** The first chunk of each stream: most groups are quiet. */
const firstLookMin = 16;

/** The start and end of an index, and an account's windows in groups. */
interface ScopeRow {
  readonly me: bigint;
  readonly last_id: bigint;
  /** The id of the newest entry that is not a message; 0n if there was none. */
  readonly entry_id: bigint;
  readonly watermark_id: bigint;
  readonly acked: bigint | null;
  readonly back_id: bigint | null;
  readonly groups: readonly bigint[];
  readonly from_ids: readonly bigint[];
  readonly until_ids: readonly bigint[];
}
interface LineRow {
  readonly id: bigint;
  readonly at_ns: bigint;
  readonly is_sent: boolean;
  readonly other: string;
  readonly group_id: string;
  readonly kind: number;
  readonly refers: bigint;
  readonly mentions: string | null;
  readonly reply_to: bigint;
  readonly media: readonly string[] | null;
  readonly reaction: string;
  readonly is_off: boolean;
  /** Of an entry of a group. */
  readonly accounts: readonly string[] | null;
  readonly count: bigint;
  readonly value: bigint;
}

/** A range of an inbox's messages, or (0n) of the account's messages to others; of entries, too, if they are read. */
interface Log extends IdRange {
  readonly inbox: bigint;
}

/** What is read of the logs. */
interface Choice {
  readonly me: bigint;
  readonly includeSent: boolean;
  readonly hasEvents: boolean;
}

export class LogReader {
  private readonly connections: Connections;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  async index(life: string, query: IndexQuery, limit: number): Promise<readonly IndexEntry[]> {
    const scope = await this.scope(life, query);
    if (scope === undefined) return [];
    // By the marks, because the times of ids and clocks may be wrong. Without a mark that old, everything is newer.
    const start = scope.acked ?? scope.back_id ?? 0n;
    // A cursor above the last id stems from before the store was restored from a backup.
    const isKnown = query.after > 0n && query.after <= scope.last_id;
    const choice = { me: scope.me, includeSent: query.includeSent, hasEvents: false };
    const after = keptAfter(scope, isKnown ? query.after : start);
    const entries = await this.read(life, logsOf(scope, after, choice), choice, limit);
    return entries.map(({ messageId, direction, sendTime, otherAccount, group }) => ({
      messageId,
      direction,
      sendTime,
      otherAccount,
      group,
    }));
  }

  async entries(life: string, query: LogQuery, limit: number): Promise<LogPage> {
    const scope = await this.scope(life, query);
    if (scope === undefined) return { entries: [], ...(await this.endFor(life, query.after)) };
    const lastId = scope.last_id;
    const after = keptAfter(scope, query.after > 0n ? query.after : (scope.acked ?? lastId));
    // Each of them is a log of its own.
    const formerStays = scope.until_ids.filter((until) => until > after && until <= lastId).length;
    if (after > lastId || formerStays > windowsReadMax) return { entries: [], lastId, isReset: true };
    const hasEvents = query.includeEvents && scope.entry_id > after;
    const choice = { me: scope.me, includeSent: query.includeSent, hasEvents };
    const logs = logsOf(scope, after, choice);
    const entries = await this.shown(life, scope, after, choice, limit);
    // Counting is for those who have missed much: a page that is not full has all.
    if (
      entries === undefined ||
      (entries.length === limit && (await this.count(life, logs, choice)) > missedEntriesMax)
    )
      return { entries: [], lastId, isReset: true };
    return { entries, lastId, isReset: false };
  }

  /**
   * A page, without one's own entries if they are not asked for, and without those about messages behind the watermark;
   * undefined if too many had to be passed over.
   */
  private async shown(
    life: string,
    scope: ScopeRow,
    after: bigint,
    choice: Choice,
    limit: number,
  ): Promise<LogEntry[] | undefined> {
    const shown: LogEntry[] = [];
    let passedOver = 0;
    for (let from = after; ;) {
      const entries = await this.read(life, logsOf(scope, from, choice), choice, limit);
      const last = entries.at(-1)?.messageId;
      const asked = entries.filter(
        ({ kind, direction, refersTo }) =>
          kind === 0 || ((choice.includeSent || direction === 0) && (refersTo === 0n || refersTo > scope.watermark_id)),
      );
      shown.push(...asked);
      passedOver += entries.length - asked.length;
      if (passedOver > missedEntriesMax) return undefined;
      if (last === undefined || entries.length < limit || shown.length >= limit) return shown.slice(0, limit);
      from = last;
    }
  }

  /** The end of the log for an account that the store does not know. */
  private async endFor(life: string, after: bigint): Promise<{ readonly lastId: bigint; readonly isReset: boolean }> {
    const [row] = await this.connections.run<{ last_id: bigint }[]>(
      (sql) => sql`SELECT s.last_id FROM roost.sequence s WHERE roost.require_life(${life})`,
    );
    const lastId = row?.last_id ?? 0n;
    return { lastId, isReset: after > lastId };
  }

  /** A single statement, thus a single snapshot: windows and messages that it does not see are above its last id. */
  private async scope(life: string, query: IndexQuery): Promise<ScopeRow | undefined> {
    const [scope] = await this.connections.run<ScopeRow[]>(
      (sql) => sql`
        SELECT a.number AS me, s.last_id, roost.watermark_of(a.app) AS watermark_id, c.acked,
          coalesce((SELECT e.id FROM roost.entry e ORDER BY e.id DESC LIMIT 1), 0) AS entry_id,
          CASE WHEN c.acked IS NULL AND ${query.after.toString()}::bigint NOT BETWEEN 1 AND s.last_id THEN (
            SELECT roost.last_id_at(h.at_ms - ${indexBackMs}::bigint) FROM roost.horizon h WHERE h.kind = 'time'
          ) END AS back_id,
          coalesce(w.groups, '{}') AS groups, coalesce(w.from_ids, '{}') AS from_ids,
          coalesce(w.until_ids, '{}') AS until_ids
        FROM roost.account a
        CROSS JOIN roost.sequence s
        LEFT JOIN roost.cursor c ON c.account = a.number AND c.device = ${toText(query.device)}
        LEFT JOIN LATERAL (
          SELECT array_agg(m.chat_group) AS groups, array_agg(m.from_id) AS from_ids,
            array_agg(coalesce(
              m.until_id,
              -- Of a dismissed group the row may be open still; no message is behind its end, but entries may be.
              (SELECT nullif(g.dismissed_id, 0) FROM roost.chat_group g WHERE g.closing AND g.number = m.chat_group),
              s.last_id + 1)) AS until_ids
          FROM roost.member m
          WHERE m.account = a.number AND (m.until_id IS NULL OR s.last_id < ${query.after.toString()}::bigint
            OR m.until_id > ${query.after.toString()}::bigint)
        ) w ON true
        WHERE roost.require_life(${life}) AND a.app = ${toText(query.app)} AND a.name = ${toText(query.account)}`,
    );
    return scope;
  }

  private async read(life: string, logs: readonly Log[], choice: Choice, limit: number): Promise<LogEntry[]> {
    const merge = new StreamMerge(logs, limit, Math.max(firstLookMin, Math.ceil(limit / logs.length)));
    for (let wants = merge.wants(); wants.length > 0; wants = merge.wants()) {
      await this.supply(life, merge, wants, logs, choice);
    }
    return this.lines(life, merge.taken(), choice);
  }

  /** Reads what all streams want in one round trip. */
  private async supply(
    life: string,
    merge: StreamMerge,
    wants: readonly Want[],
    logs: readonly Log[],
    choice: Choice,
  ): Promise<void> {
    const wanted = (sql: SQL, pick: (want: Want) => bigint | number | undefined) =>
      sql.array(
        wants.map((want) => pick(want) ?? 0),
        "BIGINT",
      );
    const rows = await this.connections.run<{ want: number; ids: bigint[] }[]>(
      (sql) => sql`
        SELECT w.want::integer, ARRAY(${idsOf(sql, choice)}) AS ids
        FROM unnest(
          ${wanted(sql, (want) => logs[want.stream]?.inbox)}, ${wanted(sql, (want) => want.after)},
          ${wanted(sql, (want) => logs[want.stream]?.below)}, ${wanted(sql, (want) => want.count)}
        ) WITH ORDINALITY AS w (inbox, after, below, count, want)
        WHERE roost.require_life(${life})`,
    );
    for (const { want, ids } of rows) {
      const asked = wants[want - 1];
      if (asked !== undefined) merge.supply(asked, ids);
    }
    merge.settle();
  }

  /** Counts what is in the logs, up to `missedEntriesMax` + 1. */
  private async count(life: string, logs: readonly Log[], choice: Choice): Promise<number> {
    const each = (sql: SQL, pick: (log: Log) => bigint) => sql.array(logs.map(pick), "BIGINT");
    const [row] = await this.connections.run<{ count: bigint }[]>(
      (sql) => sql`
        SELECT count(*) AS count FROM (
          SELECT FROM unnest(
            ${each(sql, (log) => log.inbox)}, ${each(sql, (log) => log.after)}, ${each(sql, (log) => log.below)},
            ${each(sql, () => BigInt(missedEntriesMax + 1))}
          ) AS w (inbox, after, below, count), LATERAL (${idsOf(sql, choice)}) l
          WHERE roost.require_life(${life}) LIMIT ${missedEntriesMax + 1}
        ) l`,
    );
    return Number(row?.count ?? 0n);
  }

  private async lines(life: string, ids: readonly bigint[], { me, hasEvents }: Choice): Promise<LogEntry[]> {
    if (ids.length === 0) return [];
    const rows = await this.connections.run<LineRow[]>(
      (sql) => sql`
        SELECT m.id, m.at_ns, m.is_sent, o.name AS other, coalesce(g.id, '') AS group_id, m.kind, m.refers, m.mentions,
          m.reply_to, m.reaction, m.is_off, m.accounts, m.count, m.value, m.media
        FROM (
          SELECT t.position, m.id, m.sent_ns AS at_ns, m.inbox,
            m.sender = ${me}::bigint AND m.inbox <> m.sender AS is_sent,
            CASE WHEN m.inbox < 0 OR m.sender <> ${me}::bigint THEN m.sender ELSE m.inbox END AS other,
            ${entryKind.message}::integer AS kind, 0::bigint AS refers, m.mentions,
            coalesce(m.reply_to, 0) AS reply_to, '' AS reaction, false AS is_off, null::text[] AS accounts,
            0::bigint AS count, 0::bigint AS value,
            CASE WHEN m.state & ${messageState.hasMedia} <> 0 THEN roost.media_of(m.id) END AS media
          FROM unnest(${sql.array([...ids], "BIGINT")}) WITH ORDINALITY AS t (id, position)
          JOIN roost.message m ON m.id = t.id
          UNION ALL
          SELECT t.position, e.id, e.at_ns, e.inbox, e.actor = ${me}::bigint AND e.inbox <> e.actor,
            CASE WHEN e.inbox < 0 OR e.actor <> ${me}::bigint THEN e.actor ELSE e.inbox END,
            e.kind, e.refers, null, 0, coalesce(e.reaction, ''), e.is_off, roost.account_names(e.accounts), e.count,
            e.value, null
          FROM unnest(${sql.array(hasEvents ? [...ids] : [], "BIGINT")}) WITH ORDINALITY AS t (id, position)
          JOIN roost.entry e ON e.id = t.id
        ) m
        JOIN roost.account o ON o.number = m.other
        LEFT JOIN roost.chat_group g ON g.number = -m.inbox
        WHERE roost.require_life(${life})
        ORDER BY m.position`,
    );
    return rows.map((row) => ({
      messageId: row.id,
      direction: row.is_sent ? 1 : 0,
      sendTime: row.at_ns,
      otherAccount: fromText(row.other),
      group: fromText(row.group_id),
      kind: row.kind,
      refersTo: row.refers,
      mentions: mentionsOf(row.mentions),
      replyTo: row.reply_to,
      ...(row.media !== null && { media: mediaIn(row.media) }),
      reaction: fromText(row.reaction),
      isOff: row.is_off,
      ...(row.kind >= entryKind.groupCreated && { detail: entryDetail(row) }),
    }));
  }
}

/**
 * The first w.count ids of a log: w is a row of (inbox, after, below, count). Entries are those of everybody, because
 * an account may have any number of its own. By the order of ids alone the planner may look among those of all
 * accounts: so each order begins with the first column of an index, which is no constant to the planner.
 */
function idsOf(sql: SQL, { me, includeSent, hasEvents }: Choice): SQL.Query<unknown> {
  return sql`
    SELECT u.id FROM (
      (SELECT m.id FROM roost.message m
       WHERE m.inbox BETWEEN w.inbox AND w.inbox AND m.id > w.after AND m.id < w.below
         AND (${includeSent}::boolean OR m.sender <> ${me}::bigint OR m.inbox = m.sender)
       ORDER BY m.inbox, m.id LIMIT w.count)
      UNION ALL
      (SELECT m.id FROM roost.message m
       WHERE w.inbox = 0 AND m.sender BETWEEN ${me}::bigint AND ${me}::bigint AND m.inbox > 0 AND m.inbox <> m.sender
         AND m.id > w.after AND m.id < w.below
       ORDER BY m.sender, m.id LIMIT w.count)
      UNION ALL
      (SELECT e.id FROM roost.entry e
       WHERE ${hasEvents}::boolean AND e.inbox BETWEEN w.inbox AND w.inbox AND e.id > w.after AND e.id < w.below
       ORDER BY e.inbox, e.id LIMIT w.count)
      UNION ALL
      (SELECT e.id FROM roost.entry e
       WHERE ${hasEvents}::boolean AND w.inbox = 0 AND e.actor BETWEEN ${me}::bigint AND ${me}::bigint
         AND e.inbox > 0 AND e.inbox <> e.actor AND e.id > w.after AND e.id < w.below
       ORDER BY e.actor, e.id LIMIT w.count)
    ) u ORDER BY u.id LIMIT w.count`;
}

function entryDetail({ kind, accounts, count, value }: LineRow): GroupEntryDetail {
  return detailOf({ kind, accounts: (accounts ?? []).map(fromText), count: Number(count), value });
}

/** Decodes the column of mentions. */
export function mentionsOf(names: string | null): readonly string[] {
  return names === null || names === "" ? [] : fromText(names).split(",");
}

/** Not below the watermark of the app. */
function keptAfter({ watermark_id: watermark }: ScopeRow, after: bigint): bigint {
  return after > watermark ? after : watermark;
}

/**
 * Bounds all logs by the scope's last id: later rounds would see newer messages of only some logs. A window is open for
 * messages and closed for entries; no message has an id of its ends.
 */
function logsOf(scope: ScopeRow, after: bigint, { includeSent, hasEvents }: Choice): Log[] {
  const end = scope.last_id + 1n;
  const logs: Log[] = [{ inbox: scope.me, after, below: end }];
  if (includeSent) logs.push({ inbox: 0n, after, below: end });
  const rim = hasEvents ? 1n : 0n;
  for (const [index, group] of scope.groups.entries()) {
    const from = (scope.from_ids[index] ?? 0n) - rim;
    const until = (scope.until_ids[index] ?? end) + rim;
    logs.push({ inbox: -group, after: from > after ? from : after, below: until < end ? until : end });
  }
  return logs;
}
