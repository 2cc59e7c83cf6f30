// Reads contents and groups, over connections beside the writer's. Ids follow the order of commits, so a
// statement sees everything up to the last id that it sees.
//
// Every statement names the life of the store (life.ts) that its caller knows, and rejects with StoreReplaced in
// another: numbers of an earlier statement may be used, and answers may be cached.

import { memberChangesMax } from "../../base/limits/fixed.ts";
import { encodeContents } from "../../wire/message-contents.ts";
import { idMax } from "../snowflake.ts";
import { type GroupDetail, type MemberEvent, type Membership, membershipOf } from "../store.ts";
import type { Connections } from "./connection.ts";
import { fromText, toText } from "./text.ts";

export type DetailAnswer =
  | { readonly result: "found"; readonly detail: GroupDetail }
  | { readonly result: "forbidden" | "notFound" };

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

export class Reader {
  private readonly connections: Connections;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  async contents(life: string, app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    const rows = await this.connections.run<ContentRow[]>(
      (sql) => sql`
        SELECT m.id, m.type, m.body, m.extra
        FROM unnest(${sql.array([...messageIds], "BIGINT")}) WITH ORDINALITY AS t (id, position)
        CROSS JOIN roost.account a
        JOIN roost.message m ON m.id = t.id
        WHERE roost.require_life(${life}) AND a.app = ${toText(app)} AND a.name = ${toText(account)}
          AND m.id > roost.watermark_of(a.app) AND (
          m.sender = a.number OR m.inbox = a.number OR (
            -- As isInWindow of conversation-functions.ts.
            SELECT w.until_id IS NULL OR w.until_id > m.id FROM roost.member w
            WHERE w.account = a.number AND w.chat_group = -m.inbox AND w.from_id < m.id
            ORDER BY w.from_id DESC LIMIT 1))
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
}
