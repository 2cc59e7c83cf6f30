// Reads the log for webhooks, in the order of ids, whoever may read it.
//
// The last id is read first: everything up to it was committed before, because ids follow the order of commits.

import type { SQL } from "bun";
import { entryRecord, type HookMessage, messageRecord, toldKinds } from "../../hook-records.ts";
import type { HookPage, HookQuery, HookRecord, Receiver } from "../../hooks.ts";
import { messageState } from "../message-state.ts";
import type { Connections } from "../connection.ts";
import type { InLife } from "../life.ts";
import { mentionsOf } from "../log-reader.ts";
import { fromText } from "../text.ts";

interface MessageRow {
  readonly id: bigint;
  readonly inbox: bigint;
  readonly app: string | null;
  readonly sender: string | null;
  readonly dest: string | null;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly sent_ns: bigint;
  readonly mentions: string | null;
  readonly reply_to: bigint | null;
  readonly state: number | null;
}
interface EntryRow {
  readonly id: bigint;
  readonly kind: number;
  readonly inbox: bigint;
  readonly app: string | null;
  readonly actor: string | null;
  readonly dest: string | null;
  readonly refers: bigint;
  readonly at_ns: bigint;
  readonly is_off: boolean;
  readonly names: string[] | null;
  readonly count: bigint;
  readonly value: bigint;
}
interface ReceiverRow {
  readonly message_id: bigint;
  readonly app: string;
  readonly account: string;
  readonly is_mentioned: boolean;
  readonly acked: bigint;
}

export class HookLog {
  private readonly connections: Connections;
  private readonly inLife: InLife;

  constructor(connections: Connections, inLife: InLife) {
    this.connections = connections;
    this.inLife = inLife;
  }

  page({ after, limit, apps, hasMessages, hasEntries }: HookQuery): Promise<HookPage> {
    return this.inLife((life) =>
      this.connections.run(async (sql) => {
        const [last]: { last_id: bigint }[] =
          await sql`SELECT last_id FROM roost.sequence WHERE roost.require_life(${life})`;
        const lastId = last?.last_id ?? after;
        let upTo = lastId;
        if (upTo <= after) return { records: [], upTo: after, isMore: false };
        const messages = hasMessages ? await readMessages(sql, after, upTo, limit) : [];
        if (messages.length === limit) upTo = messages.at(-1)?.id ?? upTo;
        const entries = hasEntries ? await readEntries(sql, after, upTo, limit) : [];
        if (entries.length === limit) upTo = entries.at(-1)?.id ?? upTo;
        const told = new Set(apps);
        const shown = messages.filter(({ id, app }) => id <= upTo && told.has(fromText(app ?? "")));
        const changes = entries.filter(({ app }) => told.has(fromText(app ?? "")));
        const records = [...shown.map(messageOf).map(messageRecord), ...(await recordsOf(sql, changes))];
        records.sort((one, other) => (one.id < other.id ? -1 : 1));
        return { records, upTo, isMore: upTo < lastId };
      }),
    );
  }

  records(ids: readonly bigint[]): Promise<readonly HookRecord[]> {
    return this.inLife((life) =>
      this.connections.run(async (sql) => {
        await sql`SELECT roost.require_life(${life})`;
        const messages = await messagesById(sql, ids);
        const entries = messages.length === ids.length ? [] : await entriesById(sql, ids);
        const found = [...messages.map(messageOf).map(messageRecord), ...(await recordsOf(sql, entries))];
        const byId = new Map(found.map((record) => [record.id, record]));
        return ids.flatMap((id) => byId.get(id) ?? []);
      }),
    );
  }

  async receivers(messageIds: readonly bigint[], membersMax: number): Promise<readonly Receiver[]> {
    const rows = await this.inLife((life) =>
      this.connections.run<ReceiverRow[]>(
        (sql) => sql`
          SELECT m.id AS message_id, a.app, a.name AS account,
            EXISTS (SELECT FROM roost.mention t WHERE t.id = m.id AND t.account IN (a.number, 0) AND t.other = r.other)
              AS is_mentioned,
            coalesce((SELECT max(c.acked) FROM roost.cursor c WHERE c.account = a.number), 0) AS acked
          FROM unnest(${idArray(sql, messageIds)}) WITH ORDINALITY AS t (id, position)
          JOIN roost.message m ON m.id = t.id
          CROSS JOIN LATERAL (
            SELECT m.inbox AS account, m.sender AS other WHERE m.inbox > 0 AND m.inbox <> m.sender
            UNION ALL
            SELECT b.account, m.inbox FROM roost.member b
            WHERE m.inbox < 0 AND b.chat_group = -m.inbox AND b.until_id IS NULL AND b.from_id < m.id
              AND b.account <> m.sender
              AND (SELECT g.member_count FROM roost.chat_group g WHERE g.number = -m.inbox) <= ${membersMax}
          ) r
          JOIN roost.account a ON a.number = r.account
          WHERE roost.require_life(${life}) AND NOT coalesce(
            (SELECT c.is_muted FROM roost.conversation c WHERE c.account = r.account AND c.other = r.other), false)
          ORDER BY t.position`,
      ),
    );
    return rows.map(({ message_id, app, account, is_mentioned, acked }) => ({
      app: fromText(app),
      account: fromText(account),
      messageId: message_id,
      isMentioned: is_mentioned,
      hasAcknowledged: acked >= message_id,
    }));
  }
}

function idArray(sql: SQL, ids: readonly bigint[]) {
  return sql.array(ids.map(String), "BIGINT");
}

/** The columns of MessageRow. */
const messageColumns = `m.id, m.inbox, m.type, m.body, m.extra, m.sent_ns, m.mentions, m.reply_to, m.state,
  (SELECT a.app FROM roost.account a WHERE a.number = m.sender) AS app,
  (SELECT a.name FROM roost.account a WHERE a.number = m.sender) AS sender,
  CASE WHEN m.inbox > 0 THEN (SELECT a.name FROM roost.account a WHERE a.number = m.inbox)
    ELSE (SELECT g.id FROM roost.chat_group g WHERE g.number = -m.inbox) END AS dest`;
/** The columns of EntryRow. */
const entryColumns = `e.id, e.kind, e.inbox, e.refers, e.at_ns, e.is_off, e.count, e.value,
  (SELECT a.app FROM roost.account a WHERE a.number = e.actor) AS app,
  (SELECT a.name FROM roost.account a WHERE a.number = e.actor) AS actor,
  (SELECT array_agg(a.name ORDER BY t.position) FROM unnest(e.accounts) WITH ORDINALITY AS t (number, position)
    JOIN roost.account a ON a.number = t.number) AS names,
  CASE WHEN e.inbox > 0 THEN (SELECT a.name FROM roost.account a WHERE a.number = e.inbox)
    ELSE (SELECT g.id FROM roost.chat_group g WHERE g.number = -e.inbox) END AS dest`;

/** Not behind the watermark of its app; which messages may be, one look for the whole statement tells. */
const isAhead = (id: string, account: string): string =>
  `(${id} > coalesce((SELECT max(d.watermark_id) FROM roost.app_data d WHERE d.watermark_id > 0), 0)
    OR ${id} > roost.watermark_for(${account}))`;
const isKept = isAhead("m.id", "m.sender");
/** Nor is what an entry is about. */
const isTold = `(e.refers = 0 OR ${isAhead("e.refers", "e.actor")})`;

function readMessages(sql: SQL, after: bigint, upTo: bigint, limit: number): Promise<MessageRow[]> {
  return sql.unsafe(
    `SELECT ${messageColumns} FROM roost.message m
     WHERE m.id > $1::bigint AND m.id <= $2::bigint AND ${isKept}
     ORDER BY m.id LIMIT $3::integer`,
    [`${after}`, `${upTo}`, limit],
  );
}

function readEntries(sql: SQL, after: bigint, upTo: bigint, limit: number): Promise<EntryRow[]> {
  return sql.unsafe(
    `SELECT ${entryColumns} FROM roost.entry e
     WHERE e.id > $1::bigint AND e.id <= $2::bigint AND ${isTold}
     ORDER BY e.id LIMIT $3::integer`,
    [`${after}`, `${upTo}`, limit],
  );
}

function messagesById(sql: SQL, ids: readonly bigint[]): Promise<MessageRow[]> {
  return sql.unsafe(`SELECT ${messageColumns} FROM roost.message m WHERE m.id = ANY ($1::bigint[]) AND ${isKept}`, [
    idArray(sql, ids),
  ]);
}

function entriesById(sql: SQL, ids: readonly bigint[]): Promise<EntryRow[]> {
  return sql.unsafe(`SELECT ${entryColumns} FROM roost.entry e WHERE e.id = ANY ($1::bigint[]) AND ${isTold}`, [
    idArray(sql, ids),
  ]);
}

/** The events of entries, with the messages that they are about. */
async function recordsOf(sql: SQL, entries: readonly EntryRow[]): Promise<readonly HookRecord[]> {
  const told = entries.filter(({ kind, dest, app }) => toldKinds.includes(kind) && dest !== null && app !== null);
  const about = [...new Set(told.map(({ refers }) => refers))].filter((id) => id > 0n);
  const messages = about.length === 0 ? [] : await messagesById(sql, about);
  const byId = new Map(messages.map((row) => [row.id, messageOf(row)]));
  return told.flatMap((row) => {
    const { id, kind, inbox, app, actor, dest, refers, at_ns, is_off, names, count, value } = row;
    const record = entryRecord({
      id,
      app: fromText(app ?? ""),
      kind,
      actor: fromText(actor ?? ""),
      dest: fromText(dest ?? ""),
      toGroup: inbox < 0n,
      atNs: at_ns,
      message: byId.get(refers),
      refersTo: refers,
      isOff: is_off,
      accounts: (names ?? []).map(fromText),
      count: Number(count),
      value,
    });
    return record ?? [];
  });
}

function messageOf(row: MessageRow): HookMessage {
  const bits = row.state ?? 0;
  return {
    id: row.id,
    app: fromText(row.app ?? ""),
    sender: fromText(row.sender ?? ""),
    dest: fromText(row.dest ?? ""),
    toGroup: row.inbox < 0n,
    type: row.type,
    body: fromText(row.body),
    extra: fromText(row.extra),
    sentNs: row.sent_ns,
    mentions: mentionsOf(row.mentions).join(","),
    replyTo: row.reply_to ?? 0n,
    isEdited: (bits & messageState.edited) !== 0,
    isRecalled: (bits & messageState.recalled) !== 0,
  };
}
