// Groups of a store on PostgreSQL: what is written goes through the batches of changes (store/job-store.ts), and what
// is read, over the connections of reads. Like reader.ts, every statement names the life of the store.

import { GroupCalls, type WriteGroup } from "../../group-calls.ts";
import { roleOf } from "../../group-entries.ts";
import type { GroupRight } from "../../group-rights.ts";
import type {
  GroupStore,
  GroupView,
  Invitation,
  JoinRequest,
  MembersAnswer,
  MembersQuery,
  NamedGroup,
  OfGroup,
  Page,
  Refused,
} from "../../groups.ts";
import type { Connections } from "../connection.ts";
import type { ConversationReader } from "../conversation-reader.ts";
import type { InLife } from "../life.ts";
import { fromText, toText } from "../text.ts";
import { groupView } from "./answers.ts";

/** Which right one has, and one of the items that this allows to see; without one, its columns are null. */
interface Seen {
  readonly result: GroupRight;
  readonly account: string | null;
}

interface InvitationRow {
  readonly code: string;
  readonly expires_s: bigint;
  readonly uses_left: number;
  readonly account: string;
}
interface RequestRow {
  readonly account: string;
  readonly text: string;
  readonly at_s: bigint;
}
interface MemberRow {
  readonly account: string;
  readonly alias: string;
  readonly role: number;
  readonly joined_ms: bigint;
  readonly muted_until: bigint;
}

interface BeginningRow {
  readonly id: string;
  readonly created_ms: bigint;
  readonly member_count: bigint;
  readonly unfinished: boolean;
}

export class PostgresGroups extends GroupCalls implements GroupStore {
  private readonly connections: Connections;
  private readonly conversations: ConversationReader;
  private readonly inLife: InLife;

  constructor(connections: Connections, conversations: ConversationReader, inLife: InLife, write: WriteGroup) {
    super(write);
    this.connections = connections;
    this.conversations = conversations;
    this.inLife = inLife;
  }

  async invitations({ app, group, actor }: OfGroup): Promise<Page<Invitation> | Refused> {
    const rows = await this.inLife((life) =>
      this.connections.run<(Seen & InvitationRow)[]>(
        (sql) => sql`
          SELECT r.result, t.code, t.expires_s, t.uses_left, t.account FROM (
            SELECT n.number,
              roost.right_of('invite', n.number, roost.account_number(${toText(app)}, ${toText(actor)})) AS result
            FROM roost.group_number(${toText(app)}, ${toText(group)}) AS n (number) OFFSET 0
          ) r LEFT JOIN LATERAL roost.invitations_of(r.number) t ON r.result = 'allowed'
          WHERE roost.require_life(${life})
          ORDER BY t.number`,
      ),
    );
    return pageOf(rows, rows.length, ({ code, expires_s: expiresAt, uses_left: usesLeft, account }) => ({
      code: fromText(code),
      expiresAt,
      usesLeft: Math.max(0, usesLeft),
      account: fromText(account),
    }));
  }

  async requests({ app, group, actor }: OfGroup, after: string, limit: number): Promise<Page<JoinRequest> | Refused> {
    const rows = await this.inLife((life) =>
      this.connections.run<(Seen & RequestRow)[]>(
        (sql) => sql`
          SELECT r.result, t.account, t.text, t.at_s FROM (
            SELECT n.number,
              roost.right_of('seeRequests', n.number, roost.account_number(${toText(app)}, ${toText(actor)})) AS result,
              coalesce(roost.account_number(${toText(app)}, ${toText(after)}), 0) AS after
            FROM roost.group_number(${toText(app)}, ${toText(group)}) AS n (number) OFFSET 0
          ) r LEFT JOIN LATERAL roost.requests_after(r.number, r.after, ${limit + 1}) t ON r.result = 'allowed'
          WHERE roost.require_life(${life})
          ORDER BY t.number`,
      ),
    );
    return pageOf(rows, limit, ({ account, text, at_s: time }) => ({
      account: fromText(account),
      text: fromText(text),
      time,
    }));
  }

  pinned({ app, account, toGroup, dest }: Parameters<GroupStore["pinned"]>[0]): Promise<Uint8Array | "notFound"> {
    return this.inLife(async (life) => {
      const [row] = await this.connections.run<{ ids: readonly bigint[] | null }[]>(
        (sql) => sql`
          SELECT roost.pinned_in(${toText(app)}, ${toText(account)}, ${toGroup}, ${toText(dest)}) AS ids
          WHERE roost.require_life(${life})`,
      );
      const ids = row?.ids ?? null;
      return ids === null ? "notFound" : this.conversations.messages(life, app, account, ids);
    });
  }

  async groups(app: string, account: string, after: string, limit: number): Promise<Page<GroupView>> {
    const rows = await this.inLife((life) =>
      this.connections.run<{ view: string }[]>(
        (sql) => sql`
          SELECT roost.group_view(t.chat_group, t.account, false)::text AS view FROM (
            SELECT m.chat_group, m.account
            FROM roost.member m JOIN roost.chat_group g ON g.number = m.chat_group
            WHERE roost.require_life(${life}) AND m.until_id IS NULL AND g.member_count > 0
              AND m.account = (SELECT roost.account_number(${toText(app)}, ${toText(account)}))
              AND m.chat_group > coalesce(roost.group_number(${toText(app)}, ${toText(after)}), 0)
            ORDER BY m.chat_group LIMIT ${limit + 1}
          ) t ORDER BY t.chat_group`,
      ),
    );
    return {
      result: "found",
      items: rows.slice(0, limit).map(({ view }) => groupView(view)),
      hasMore: rows.length > limit,
    };
  }

  async members({ app, group, asker, after, limit, isAdminsOnly }: MembersQuery): Promise<MembersAnswer> {
    const rows = await this.inLife((life) =>
      this.connections.run<(Seen & MemberRow & { readonly view: string | null })[]>(
        (sql) => sql`
          SELECT v.result, CASE WHEN row_number() OVER (ORDER BY t.number) = 1 THEN v.view END AS view,
            t.account, t.alias, t.role, t.joined_ms, t.muted_until
          FROM (
            SELECT r.number, r.after, r.result,
              CASE WHEN r.result = 'allowed' THEN roost.group_view(r.number, r.me, true)::text END AS view
            FROM (
              SELECT n.number, n.me, roost.right_of('see', n.number, n.me) AS result,
                coalesce(roost.account_number(${toText(app)}, ${toText(after)}), 0) AS after
              FROM (
                SELECT roost.group_number(${toText(app)}, ${toText(group)}) AS number,
                  roost.account_number(${toText(app)}, ${toText(asker)}) AS me OFFSET 0
              ) n OFFSET 0
            ) r OFFSET 0
          ) v LEFT JOIN LATERAL roost.members_after(
            v.number, v.after, ${limit === 0 ? 0 : limit + 1}, ${isAdminsOnly}
          ) t ON v.result = 'allowed'
          WHERE roost.require_life(${life})
          ORDER BY t.number`,
      ),
    );
    const page = pageOf(rows, limit, (member) => ({
      account: fromText(member.account),
      alias: fromText(member.alias),
      role: roleOf(member.role),
      joinTime: member.joined_ms / 1_000n,
      mutedUntil: member.muted_until,
    }));
    const view = rows[0]?.view ?? null;
    if (page.result !== "found" || view === null)
      return { result: page.result === "notFound" ? "notFound" : "forbidden" };
    return { ...page, group: groupView(view) };
  }

  async beginningWith(app: string, digits: string, limit: number): Promise<readonly NamedGroup[]> {
    // Behind all hexadecimal digits comes "g".
    const rows = await this.inLife((life) =>
      this.connections.run<BeginningRow[]>(
        (sql) => sql`
          SELECT g.id, g.created_ms, g.member_count, u.chat_group IS NOT NULL AS unfinished
          FROM roost.chat_group g LEFT JOIN roost.unfinished_group u ON u.chat_group = g.number
          WHERE roost.require_life(${life}) AND g.app = ${toText(app)} AND g.id > ${digits} AND g.id < ${`${digits}g`}
          ORDER BY g.number DESC LIMIT ${limit}`,
      ),
    );
    return rows.map(({ id, created_ms, member_count, unfinished: isUnfinished }) => {
      const createdMs = Number(created_ms);
      return { id: fromText(id), createdMs, isUnfinished, hasEnded: !isUnfinished && member_count === 0n };
    });
  }
}

/** A page of what was found; one row more than `limit` says that there is more. Without a limit, nothing was asked. */
function pageOf<Row extends Seen, Item>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
): Page<Item> | Refused {
  const right = rows[0]?.result ?? "notFound";
  if (right !== "allowed") return { result: right };
  const items: Item[] = [];
  for (const row of rows.slice(0, limit)) if (row.account !== null) items.push(itemOf(row));
  return { result: "found", items, hasMore: limit > 0 && rows.length > limit };
}
