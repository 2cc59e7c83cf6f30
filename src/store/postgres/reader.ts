// Reads the offline index, contents and groups, over connections of its own beside the writer's. Ids follow the order
// of commits, so a statement sees everything up to the last id that it sees.
//
// Every statement names the life of the store (life.ts) that its caller knows, and rejects with StoreReplaced in
// another: an index takes several statements, which use numbers of the first, and answers may be cached.

import type { SQL } from "bun";
import { memberChangesMax } from "../../base/limits/fixed.ts";
import { encodeContents } from "../../wire/message-contents.ts";
import type { RevocationKind, StoredRevocation } from "../../wire/revocations.ts";
import { idMax } from "../snowflake.ts";
import {
  type GroupDetail,
  type IndexEntry,
  type IndexQuery,
  type MemberEvent,
  type Membership,
  membershipOf,
} from "../store.ts";
import { indexBackMs } from "../trusted-time.ts";
import type { Connections } from "./connection.ts";
import { StreamMerge, type IdRange, type Want } from "./stream-merge.ts";
import { fromText, toText } from "./text.ts";

export type DetailAnswer =
  | { readonly result: "found"; readonly detail: GroupDetail }
  | { readonly result: "forbidden" | "notFound" };

/** The first chunk of each stream: most groups are quiet. */
const firstLookMin = 16;

/** The start and end of an index, and an account's windows in groups. */
interface ScopeRow {
  readonly me: bigint;
  readonly last_id: bigint;
  readonly acked: bigint | null;
  readonly back_id: bigint | null;
  readonly groups: readonly bigint[];
  readonly from_ids: readonly bigint[];
  readonly until_ids: readonly bigint[];
}
interface IndexRow {
  readonly id: bigint;
  readonly sent_ns: bigint;
  readonly is_sent: boolean;
  readonly other: string;
  readonly group_id: string;
}
interface ContentRow {
  readonly id: bigint;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
}
interface DetailRow {
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly owner: string;
  readonly created_ms: bigint;
  readonly closed: boolean;
  readonly is_member: boolean;
  readonly accounts: readonly string[];
  readonly aliases: readonly string[];
  readonly avatars: readonly string[];
  readonly joined_ms: readonly bigint[];
}

interface MembershipRow {
  readonly version: bigint;
  readonly accounts: readonly string[];
  /** As JSON: [account, isMember, version]. */
  readonly events: readonly string[];
}

interface RevocationRow {
  readonly id: bigint;
  readonly app: string;
  readonly account: string;
  readonly kind: RevocationKind;
  readonly device: string | null;
  readonly before_ms: bigint;
}

/** A range of an inbox's messages, or (0n) of the account's messages to others. */
interface Log extends IdRange {
  readonly inbox: bigint;
}

export class Reader {
  private readonly connections: Connections;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  async index(life: string, query: IndexQuery, limit: number): Promise<readonly IndexEntry[]> {
    // A single statement, thus a single snapshot: windows and messages that it does not see are above its last id.
    const [scope] = await this.connections.run<ScopeRow[]>(
      (sql) => sql`
        SELECT a.number AS me, s.last_id, c.acked,
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
            array_agg(coalesce(m.until_id, s.last_id + 1)) AS until_ids
          FROM roost.member m
          WHERE m.account = a.number AND (m.until_id IS NULL OR s.last_id < ${query.after.toString()}::bigint
            OR m.until_id > ${query.after.toString()}::bigint)
        ) w ON true
        WHERE roost.require_life(${life}) AND a.app = ${toText(query.app)} AND a.name = ${toText(query.account)}`,
    );
    if (scope === undefined) return [];
    // By the marks, because the times of ids and clocks may be wrong. Without a mark that old, everything is newer.
    const start = scope.acked ?? scope.back_id ?? 0n;
    // A cursor above the last id stems from before the store was restored from a backup.
    const isKnown = query.after > 0n && query.after <= scope.last_id;
    const logs = logsOf(scope, isKnown ? query.after : start, query.includeSent);
    const merge = new StreamMerge(logs, limit, Math.max(firstLookMin, Math.ceil(limit / logs.length)));
    for (let wants = merge.wants(); wants.length > 0; wants = merge.wants()) {
      await this.supply(life, merge, wants, logs, scope.me, query.includeSent);
    }
    return this.lines(life, merge.taken(), scope.me);
  }

  async contents(life: string, app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    const rows = await this.connections.run<ContentRow[]>(
      (sql) => sql`
        SELECT m.id, m.type, m.body, m.extra
        FROM unnest(${sql.array([...messageIds], "BIGINT")}) WITH ORDINALITY AS t (id, position)
        CROSS JOIN roost.account a
        JOIN roost.message m ON m.id = t.id
        WHERE roost.require_life(${life}) AND a.app = ${toText(app)} AND a.name = ${toText(account)} AND (
          m.sender = a.number OR m.inbox = a.number OR EXISTS (
            SELECT FROM roost.member w
            WHERE w.account = a.number AND w.chat_group = -m.inbox AND w.from_id < m.id
              AND (w.until_id IS NULL OR w.until_id > m.id)))
        ORDER BY t.position`,
    );
    return encodeContents(
      rows.map(({ id, type, body, extra }) => ({ messageId: id, type, body: fromText(body), extra: fromText(extra) })),
    );
  }

  async groupDetail(life: string, app: string, group: string, asker: string): Promise<DetailAnswer> {
    const [row] = await this.connections.run<DetailRow[]>(
      (sql) => sql`
        SELECT g.name, g.avatar, g.introduction, o.name AS owner, g.created_ms, g.closed,
          ${toText(asker)} = ANY (m.accounts) AS is_member, m.accounts, m.aliases, m.avatars, m.joined_ms
        FROM roost.chat_group g
        JOIN roost.account o ON o.number = g.owner
        CROSS JOIN LATERAL (
          SELECT array_agg(n.account) AS accounts, array_agg(n.alias) AS aliases, array_agg(n.avatar) AS avatars,
            array_agg(n.joined_ms) AS joined_ms
          FROM (
            SELECT a.name AS account, m.alias, m.avatar, m.joined_ms
            FROM roost.member m JOIN roost.account a ON a.number = m.account
            WHERE m.chat_group = g.number AND m.until_id IS NULL
            ORDER BY m.number
          ) n
        ) m
        WHERE roost.require_life(${life}) AND g.app = ${toText(app)} AND g.id = ${toText(group)}
          AND g.member_count > 0`,
    );
    if (row === undefined) return { result: "notFound" };
    if (!row.is_member) return { result: "forbidden" };
    return {
      result: "found",
      detail: {
        id: group,
        name: fromText(row.name),
        avatar: fromText(row.avatar),
        introduction: fromText(row.introduction),
        owner: fromText(row.owner),
        createdAt: row.created_ms / 1000n,
        closed: row.closed,
        members: row.accounts.map((account, index) => ({
          account: fromText(account),
          alias: fromText(row.aliases[index] ?? ""),
          avatar: fromText(row.avatars[index] ?? ""),
          joinTime: (row.joined_ms[index] ?? 0n) / 1000n,
        })),
      },
    };
  }

  async membership(life: string, app: string, group: string, since = idMax): Promise<Membership | undefined> {
    const [row] = await this.connections.run<MembershipRow[]>(
      (sql) => sql`
        SELECT g.version, ARRAY(
          SELECT a.name FROM roost.member m JOIN roost.account a ON a.number = m.account
          WHERE m.chat_group = g.number AND m.until_id IS NULL ORDER BY m.number
        ) AS accounts, ARRAY(
          SELECT json_build_array(a.name, e.is_member, e.version::text)::text FROM (
            SELECT m.account, true, m.from_id FROM roost.member m
            WHERE m.chat_group = g.number AND m.until_id IS NULL AND m.from_id > ${since}
            UNION ALL
            SELECT m.account, w.is_member, w.version FROM roost.member m,
              LATERAL (VALUES (false, m.until_id), (true, m.from_id)) w (is_member, version)
            WHERE m.until_id > ${since} AND m.chat_group = g.number AND w.version > ${since}
          ) e (account, is_member, version) JOIN roost.account a ON a.number = e.account
          ORDER BY e.version DESC LIMIT ${memberChangesMax + 1}
        ) AS events
        FROM roost.chat_group g
        WHERE roost.require_life(${life}) AND g.app = ${toText(app)} AND g.id = ${toText(group)}
          AND g.member_count > 0`,
    );
    if (row === undefined) return undefined;
    const events = row.events.map((json): MemberEvent => {
      const [account, isMember, version]: [string, boolean, string] = JSON.parse(json);
      return { account: fromText(account), isMember, version: BigInt(version) };
    });
    return membershipOf(row.version, row.accounts.map(fromText), events, since);
  }

  /** Reads what all streams want in one round trip. */
  private async supply(
    life: string,
    merge: StreamMerge,
    wants: readonly Want[],
    logs: readonly Log[],
    me: bigint,
    includeSent: boolean,
  ): Promise<void> {
    const wanted = (sql: SQL, pick: (want: Want) => bigint | number | undefined) =>
      sql.array(
        wants.map((want) => pick(want) ?? 0),
        "BIGINT",
      );
    const rows = await this.connections.run<{ want: number; ids: bigint[] }[]>(
      (sql) => sql`
        SELECT w.want::integer, ARRAY(
          (SELECT m.id FROM roost.message m
           WHERE m.inbox = w.inbox AND m.id > w.after AND m.id < w.below
             AND (${includeSent}::boolean OR m.sender <> ${me}::bigint OR m.inbox = m.sender)
           ORDER BY m.id LIMIT w.count)
          UNION ALL
          (SELECT m.id FROM roost.message m
           WHERE w.inbox = 0 AND m.sender = ${me}::bigint AND m.inbox > 0 AND m.inbox <> m.sender
             AND m.id > w.after AND m.id < w.below
           ORDER BY m.id LIMIT w.count)
        ) AS ids
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

  async revocations(life: string, after: bigint, limit: number): Promise<readonly StoredRevocation[]> {
    const rows = await this.connections.run<RevocationRow[]>(
      (sql) => sql`
        SELECT r.id, r.app, r.account, r.kind, r.device, r.before_ms FROM roost.revocation r
        WHERE roost.require_life(${life}) AND r.id > ${`${after}`}::bigint ORDER BY r.id LIMIT ${limit}`,
    );
    return rows.map(({ id, app, account, kind, device, before_ms: beforeMs }) => ({
      id,
      app: fromText(app),
      account: fromText(account),
      kind,
      device: device === null ? undefined : fromText(device),
      beforeMs: Number(beforeMs),
    }));
  }

  private async lines(life: string, ids: readonly bigint[], me: bigint): Promise<IndexEntry[]> {
    if (ids.length === 0) return [];
    const rows = await this.connections.run<IndexRow[]>(
      (sql) => sql`
        SELECT m.id, m.sent_ns, m.is_sent, o.name AS other, coalesce(g.id, '') AS group_id
        FROM (
          SELECT t.position, m.id, m.sent_ns, m.inbox, m.sender = ${me}::bigint AND m.inbox <> m.sender AS is_sent,
            CASE WHEN m.inbox < 0 OR m.sender <> ${me}::bigint THEN m.sender ELSE m.inbox END AS other
          FROM unnest(${sql.array([...ids], "BIGINT")}) WITH ORDINALITY AS t (id, position)
          JOIN roost.message m ON m.id = t.id
        ) m
        JOIN roost.account o ON o.number = m.other
        LEFT JOIN roost.chat_group g ON g.number = -m.inbox
        WHERE roost.require_life(${life})
        ORDER BY m.position`,
    );
    return rows.map((row) => ({
      messageId: row.id,
      direction: row.is_sent ? 1 : 0,
      sendTime: row.sent_ns,
      otherAccount: fromText(row.other),
      group: fromText(row.group_id),
    }));
  }
}

/** Bounds all logs by the scope's last id: later rounds would see newer messages of only some logs. */
function logsOf(scope: ScopeRow, after: bigint, includeSent: boolean): Log[] {
  const end = scope.last_id + 1n;
  const logs: Log[] = [{ inbox: scope.me, after, below: end }];
  if (includeSent) logs.push({ inbox: 0n, after, below: end });
  for (const [index, group] of scope.groups.entries()) {
    const from = scope.from_ids[index] ?? 0n;
    const until = scope.until_ids[index] ?? end;
    logs.push({ inbox: -group, after: from > after ? from : after, below: until < end ? until : end });
  }
  return logs;
}
