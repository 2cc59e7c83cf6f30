// Reads what webhooks need: endpoints and their batches, and the log in the order of ids, whoever may read it.

import type { Database } from "bun:sqlite";
import { entryRecord, type HookMessage, messageRecord, toldKinds } from "../../hook-records.ts";
import {
  type Batch,
  type Endpoint,
  type HookPage,
  type HookQuery,
  type HookRecord,
  hookEvents,
  hookQuestions,
  type Lane,
  type Receiver,
} from "../../hooks.ts";
import { messageState } from "../conversations/tables.ts";
import type { HookAnswers, HookLogAsked, HookLogRequest, HookQuestionOf } from "./requests.ts";

interface EndpointRow {
  readonly id: bigint;
  readonly version: bigint;
  readonly app: string;
  readonly name: string;
  readonly url: string;
  readonly secret: string;
  readonly events: string;
  readonly fail_open: bigint;
  readonly told: bigint;
  readonly undelivered: bigint;
  readonly lost: bigint;
}
interface BatchRow {
  readonly hook: bigint;
  readonly webhook_id: string;
  readonly lane: Lane;
  readonly state: Batch["state"];
  readonly refs: string;
  readonly conversation: string;
  readonly up_to: bigint;
  readonly attempts: bigint;
  readonly due_ms: bigint;
  readonly reason: string;
}
interface MessageRow {
  readonly id: bigint;
  readonly inbox: bigint;
  readonly app: string;
  readonly sender: string;
  readonly dest: string | null;
  readonly type: bigint;
  readonly body: string;
  readonly extra: string;
  readonly sent_ns: bigint;
  readonly mentions: string | null;
  readonly reply_to: bigint | null;
  readonly state: bigint | null;
  /** Behind the watermark of its app. */
  readonly is_behind: bigint;
}
interface EntryRow {
  readonly id: bigint;
  readonly kind: bigint;
  readonly inbox: bigint;
  readonly app: string;
  readonly actor: string;
  readonly dest: string | null;
  readonly refers: bigint;
  readonly at_ns: bigint;
  readonly is_off: bigint;
  readonly accounts: string | null;
  readonly count: bigint;
  readonly value: bigint;
  /** What it is about is behind the watermark of the app. */
  readonly is_behind: bigint;
}
interface ReceiverRow {
  readonly account: string;
  readonly is_mentioned: bigint;
  readonly acked: bigint | null;
}

/** The name of a receiver: an account's, or a group's id. */
const destName = (inbox: string): string =>
  `CASE WHEN ${inbox} > 0 THEN (SELECT name FROM account WHERE number = ${inbox})
        ELSE (SELECT id FROM "group" WHERE number = -${inbox}) END AS dest`;

/** Whether a message is behind the watermark of its app. */
const isBehind = (id: string): string => `${id} <= ifnull((SELECT watermark_id FROM app_data WHERE app = a.app), 0)`;

const messageColumns = `SELECT m.id, m.inbox, a.app, a.name AS sender, ${destName("m.inbox")}, m.type, m.body, m.extra,
  m.sent_ns, m.mentions, m.reply_to, m.state,
  ${isBehind("m.id")} AS is_behind
  FROM message m JOIN account a ON a.number = m.sender`;
const entryColumns = `SELECT e.id, e.kind, e.inbox, a.app, a.name AS actor, ${destName("e.inbox")}, e.refers, e.at_ns,
  e.is_off, e.accounts, e.count, e.value, e.refers > 0 AND ${isBehind("e.refers")} AS is_behind
  FROM entry e JOIN account a ON a.number = e.actor`;

/** Whether an account has muted a conversation, and what its devices have acknowledged. */
const receiverColumns = `a.name AS account,
  EXISTS (SELECT 1 FROM mention WHERE inbox = ?1 AND who IN (a.name, '*') AND id = ?2) AS is_mentioned,
  (SELECT max(acked) FROM cursor WHERE account = a.number) AS acked`;
const isLoud = (other: string): string =>
  `ifnull((SELECT muted FROM conversation WHERE account = a.number AND other = ${other}), 0) = 0`;

export class HookReader {
  private readonly db: Database;
  private readonly sql;

  constructor(db: Database) {
    this.db = db;
    this.sql = {
      look: db.prepare<{ version: bigint; count: bigint; holder: string | null; beat: bigint | null }, []>(
        `SELECT ifnull(max(version), 0) AS version, count(*) AS count,
           (SELECT holder FROM hook_lease) AS holder, (SELECT beat FROM hook_lease) AS beat FROM hook`,
      ),
      endpoints: db.prepare<EndpointRow, []>("SELECT * FROM hook ORDER BY id"),
      waiting: db.prepare<BatchRow, [bigint]>(
        "SELECT * FROM hook_batch WHERE hook = ? AND state IN ('open', 'aside') ORDER BY number",
      ),
      dead: db.prepare<BatchRow, [string, string, number]>(
        `SELECT b.* FROM hook h JOIN hook_batch b ON b.hook = h.id
         WHERE h.app = ? AND h.name = ? AND b.state = 'dead' ORDER BY b.number LIMIT ?`,
      ),
      lastId: db.prepare<{ last_id: bigint }, []>("SELECT last_id FROM sequence"),
      messages: db.prepare<MessageRow, [bigint, bigint, number]>(
        `${messageColumns} WHERE m.id > ? AND m.id <= ? ORDER BY m.id LIMIT ?`,
      ),
      entries: db.prepare<EntryRow, [bigint, bigint, number]>(
        `${entryColumns} WHERE e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?`,
      ),
      message: db.prepare<MessageRow, [bigint]>(`${messageColumns} WHERE m.id = ?`),
      entry: db.prepare<EntryRow, [bigint]>(`${entryColumns} WHERE e.id = ?`),
      accountName: db.prepare<{ name: string }, [bigint]>("SELECT name FROM account WHERE number = ?"),
      place: db.prepare<{ inbox: bigint; sender: bigint; app: string }, [bigint]>(
        "SELECT m.inbox, m.sender, a.app FROM message m JOIN account a ON a.number = m.sender WHERE m.id = ?",
      ),
      direct: db.prepare<ReceiverRow, [bigint, bigint, bigint]>(
        `SELECT ${receiverColumns} FROM account a WHERE a.number = ?1 AND ${isLoud("?3")}`,
      ),
      memberCount: db.prepare<{ member_count: bigint }, [bigint]>(`SELECT member_count FROM "group" WHERE number = -?`),
      members: db.prepare<ReceiverRow, [bigint, bigint, bigint]>(
        `SELECT ${receiverColumns} FROM member m JOIN account a ON a.number = m.account
         WHERE m."group" = -?1 AND m.until_id IS NULL AND m.from_id < ?2 AND m.account <> ?3 AND ${isLoud("?1")}`,
      ),
    };
  }

  /** Answers from one snapshot. */
  answer(request: HookLogRequest): HookAnswers[HookLogAsked] {
    this.db.run("BEGIN");
    try {
      return this.answerNow(request);
    } finally {
      if (this.db.inTransaction) this.db.run("ROLLBACK");
    }
  }

  /** The same, with the type of the question's answer. */
  answerTo<Name extends HookLogAsked>(question: HookQuestionOf<Name>): HookAnswers[Name] {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each name has one form
    return this.answer(question as HookLogRequest) as HookAnswers[Name];
  }

  private answerNow(request: HookLogRequest): HookAnswers[HookLogAsked] {
    switch (request.ask) {
      case "look": {
        const row = this.sql.look.get();
        const { version = 0n, count = 0n } = row ?? {};
        const lease = { holder: row?.holder ?? "", beat: row?.beat ?? 0n };
        return { version: `${version}-${count}`, isUsed: count > 0n, lease };
      }
      case "endpoints":
        return this.sql.endpoints.all().map(endpointOf);
      case "waiting":
        return this.sql.waiting.all(BigInt(request.endpoint)).map(batchOf);
      case "dead":
        return this.sql.dead.all(request.app, request.name, request.limit).map((row) => {
          const { webhookId, refs, attempts, reason } = batchOf(row);
          return { webhookId, events: refs.length, attempts, reason };
        });
      case "page":
        return this.page({ ...request, after: BigInt(request.after) });
      case "records":
        return request.ids.flatMap((id) => this.record(BigInt(id)) ?? []);
      case "receivers":
        return request.messageIds.flatMap((id) => this.receivers(BigInt(id), request.membersMax));
    }
  }

  private page({ after, limit, apps, hasMessages, hasEntries }: HookQuery): HookPage {
    let upTo = this.sql.lastId.get()?.last_id ?? after;
    if (upTo <= after) return { records: [], upTo: after, isMore: false };
    const lastId = upTo;
    const messages = hasMessages ? this.sql.messages.all(after, upTo, limit) : [];
    if (messages.length === limit) upTo = messages.at(-1)?.id ?? upTo;
    const entries = hasEntries ? this.sql.entries.all(after, upTo, limit) : [];
    if (entries.length === limit) upTo = entries.at(-1)?.id ?? upTo;
    const told = new Set(apps);
    const records: HookRecord[] = [];
    for (const row of messages)
      if (row.id <= upTo && told.has(row.app) && row.is_behind === 0n) records.push(messageRecord(messageOf(row)));
    const stored = records.length;
    for (const row of entries) {
      const record = told.has(row.app) ? this.entryRecordOf(row) : undefined;
      if (record !== undefined) records.push(record);
    }
    if (records.length > stored && stored > 0) records.sort((one, other) => (one.id < other.id ? -1 : 1));
    return { records, upTo, isMore: upTo < lastId };
  }

  private record(id: bigint): HookRecord | undefined {
    const message = this.sql.message.get(id);
    if (message !== null) return message.is_behind === 0n ? messageRecord(messageOf(message)) : undefined;
    const entry = this.sql.entry.get(id);
    return entry === null ? undefined : this.entryRecordOf(entry);
  }

  private entryRecordOf(row: EntryRow): HookRecord | undefined {
    const { id, kind, inbox, app, actor, dest, refers, at_ns, is_off, accounts, count, value } = row;
    if (!toldKinds.includes(Number(kind)) || dest === null || row.is_behind !== 0n) return undefined;
    const about = refers > 0n ? this.sql.message.get(refers) : null;
    return entryRecord({
      id,
      app,
      kind: Number(kind),
      actor,
      dest,
      toGroup: inbox < 0n,
      atNs: at_ns,
      message: about === null ? undefined : messageOf(about),
      refersTo: refers,
      isOff: is_off !== 0n,
      accounts: (accounts?.split(",") ?? []).map((number) => this.sql.accountName.get(BigInt(number))?.name ?? ""),
      count: Number(count),
      value,
    });
  }

  private receivers(messageId: bigint, membersMax: number): Receiver[] {
    const place = this.sql.place.get(messageId);
    if (place === null) return [];
    const { inbox, sender, app } = place;
    if (inbox < 0n && (this.sql.memberCount.get(inbox)?.member_count ?? 0n) > membersMax) return [];
    if (inbox === sender) return [];
    const rows =
      inbox > 0n ? this.sql.direct.all(inbox, messageId, sender) : this.sql.members.all(inbox, messageId, sender);
    return rows.map(({ account, is_mentioned, acked }) => {
      return { app, account, messageId, isMentioned: is_mentioned !== 0n, hasAcknowledged: (acked ?? 0n) >= messageId };
    });
  }
}

function messageOf(row: MessageRow): HookMessage {
  const { id, inbox, app, sender, dest, type, body, extra, sent_ns, mentions, reply_to, state } = row;
  const bits = Number(state ?? 0n);
  return {
    id,
    app,
    sender,
    dest: dest ?? "",
    toGroup: inbox < 0n,
    type: Number(type),
    body,
    extra,
    sentNs: sent_ns,
    mentions: mentions ?? "",
    replyTo: reply_to ?? 0n,
    isEdited: (bits & messageState.edited) !== 0,
    isRecalled: (bits & messageState.recalled) !== 0,
  };
}

function endpointOf(row: EndpointRow): Endpoint {
  const { id, version, app, name, url, secret, events, fail_open, told, undelivered, lost } = row;
  const known = events.split(",");
  return {
    id,
    version,
    app,
    name,
    url,
    secret,
    events: [...hookEvents, ...hookQuestions].filter((event) => known.includes(event)),
    isFailOpen: fail_open !== 0n,
    positions: { log: told, undelivered },
    lost: Number(lost),
  };
}

function batchOf(row: BatchRow): Batch {
  return {
    webhookId: row.webhook_id,
    endpoint: row.hook,
    lane: row.lane,
    state: row.state,
    refs: row.refs === "" ? [] : row.refs.split(","),
    conversation: row.conversation,
    upTo: row.up_to,
    attempts: Number(row.attempts),
    dueMs: Number(row.due_ms),
    reason: row.reason,
  };
}
