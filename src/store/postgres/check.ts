// roost check of a store on PostgreSQL, by queries in one read-only snapshot, beside running nodes. Index scans are
// disabled so that a damaged index does not hide duplicates; the indexes are compared with their tables if the
// extension amcheck is installed.

import type { TransactionSQL } from "bun";
import { reasonOf } from "../../base/reason-of.ts";
import { isStoreIdentity } from "../../auth/store-ownership.ts";
import { StoreUnavailable } from "../store.ts";
import { backEndQuestions } from "./back-end/check-questions.ts";
import { placeOf } from "./client.ts";
import { failureOf } from "./failures.ts";
import { versionIn } from "./migrate.ts";
import { primaryUrl } from "./primary/tool-place.ts";
import { openForLong } from "./tools.ts";

/** The first schema with an identity. */
const identityFrom = 3;

interface CheckResult {
  readonly messages: number;
  readonly problems: readonly string[];
  /** What could not be checked, and what would make it possible. */
  readonly skipped: readonly string[];
}

/** The first schema that counts the groups of accounts, and has groups in creation. */
const countsFrom = 4;

interface Question {
  readonly what: string;
  readonly sql: string;
}

const questions: readonly Question[] = [
  { what: "messages whose sender has no account", sql: orphans("message", "sender", "account") },
  {
    what: "messages whose receiver has no account",
    sql: `SELECT count(*) AS n FROM roost.message m LEFT JOIN roost.account a ON a.number = m.inbox
          WHERE m.inbox > 0 AND a.number IS NULL`,
  },
  {
    what: "messages whose group does not exist",
    sql: `SELECT count(*) AS n FROM roost.message m LEFT JOIN roost.chat_group g ON g.number = -m.inbox
          WHERE m.inbox <= 0 AND g.number IS NULL`,
  },
  { what: "memberships without a group", sql: orphans("member", "chat_group", "chat_group") },
  { what: "memberships without an account", sql: orphans("member", "account", "account") },
  { what: "read cursors without an account", sql: orphans("cursor", "account", "account") },
  // A group that had ended when it was imported may have none.
  {
    what: "groups whose owner has no account",
    sql: `${orphans("chat_group", "owner", "account")} AND (t.owner <> 0 OR t.member_count > 0)`,
  },
  {
    what: "ids above the last id of the store",
    sql: `SELECT (SELECT count(*) FROM roost.message, roost.sequence s WHERE id > s.last_id)
          + (SELECT count(*) FROM roost.member, roost.sequence s WHERE from_id > s.last_id OR until_id > s.last_id)
          + (SELECT count(*) FROM roost.cursor, roost.sequence s WHERE acked > s.last_id) AS n`,
  },
  { what: "duplicate message ids", sql: duplicates("message", "id") },
  { what: "duplicate accounts", sql: duplicates("account", "app, name") },
  { what: "duplicate groups", sql: duplicates("chat_group", "app, id") },
  { what: "retries that were stored twice", sql: duplicates("message", "sender, client_id", "client_id IS NOT NULL") },
  { what: "duplicate memberships", sql: duplicates("member", "chat_group, account", "until_id IS NULL") },
];

const isFinished = "g.number NOT IN (SELECT u.chat_group FROM roost.unfinished_group u)";

const countQuestions: readonly Question[] = [
  {
    what: "accounts with wrong group counts; TRUNCATE roost.group_count makes the store count them again",
    sql: `SELECT count(*) AS n FROM roost.group_count c LEFT JOIN (
            SELECT account, count(*) FILTER (WHERE is_own) AS own, count(*) FILTER (WHERE NOT is_own) AS put
            FROM roost.member WHERE until_id IS NULL GROUP BY account) m ON m.account = c.account
          WHERE c.own <> coalesce(m.own, 0) OR c.put <> coalesce(m.put, 0)`,
  },
];

/** The first schema with entries and settings of conversations. */
const conversationsFrom = 6;

const conversationQuestions: readonly Question[] = [
  ...(
    ["entry.refers", "mention.id", "reply.id", "reaction.message", "reaction_count.message", "hidden.id"] as const
  ).map((place): Question => {
    const [table = "", column = ""] = place.split(".");
    return {
      what: `rows of ${table} without their message`,
      sql: `SELECT count(*) AS n FROM roost.${table} t LEFT JOIN roost.message m ON m.id = t.${column}
              WHERE t.${column} > 0 AND m.id IS NULL`,
    };
  }),
  ...(["conversation", "read_cursor", "hidden", "reaction"] as const).map((table): Question => ({
    what: `rows of ${table} without an account`,
    sql: orphans(table, "account", "account"),
  })),
  // Ids below the oldest message are those of messages that the retention has deleted.
  ...(["reply.root", "message.reply_to"] as const).map((place): Question => {
    const [table = "", column = ""] = place.split(".");
    return {
      what: `rows of ${table} whose ${column} is no message`,
      sql: `SELECT count(*) AS n FROM roost.${table} t LEFT JOIN roost.message m ON m.id = t.${column}
              WHERE t.${column} >= (SELECT min(id) FROM roost.message) AND m.id IS NULL`,
    };
  }),
  ...(["conversation", "read_cursor", "mention"] as const).map((table): Question => ({
    what: `rows of ${table} whose partner or group does not exist`,
    sql: `SELECT count(*) AS n FROM roost.${table} t LEFT JOIN roost.account a ON a.number = t.other
            LEFT JOIN roost.chat_group g ON g.number = -t.other WHERE a.number IS NULL AND g.number IS NULL`,
  })),
  {
    what: "entries that have the id of a message",
    sql: "SELECT count(*) AS n FROM roost.entry e JOIN roost.message m ON m.id = e.id",
  },
  { what: "entries whose actor has no account", sql: orphans("entry", "actor", "account") },
  { what: "duplicate entries", sql: duplicates("entry", "id") },
  { what: "duplicate conversations", sql: duplicates("conversation", "account, other") },
  { what: "duplicate cursors of conversations", sql: duplicates("read_cursor", "account, other") },
  {
    what: "ids of entries, settings or cursors above the last id of the store",
    sql: `SELECT (SELECT count(*) FROM roost.entry, roost.sequence s WHERE id > s.last_id)
          + (SELECT count(*) FROM roost.conversation, roost.sequence s WHERE greatest(version, cleared_id) > s.last_id)
          + (SELECT count(*) FROM roost.hidden, roost.sequence s WHERE version > s.last_id)
          + (SELECT count(*) FROM roost.read_cursor, roost.sequence s WHERE read_id > s.last_id) AS n`,
  },
  {
    what: "recalled messages that have a text",
    sql: "SELECT count(*) AS n FROM roost.message WHERE state & 2 <> 0 AND (body <> '' OR extra <> '')",
  },
  {
    what: "messages with wrong counts of reactions",
    sql: `SELECT count(*) AS n FROM roost.reaction_count c FULL JOIN (
            SELECT message, reaction, count(*) AS accounts FROM roost.reaction GROUP BY message, reaction) r
            ON r.message = c.message AND r.reaction = c.reaction
          WHERE c.accounts IS DISTINCT FROM r.accounts`,
  },
  {
    what: "direct conversations that are missing from the list of one side",
    sql: `SELECT count(*) AS n FROM (
            SELECT sender AS account, inbox AS other FROM roost.message WHERE inbox > 0
            UNION SELECT inbox, sender FROM roost.message WHERE inbox > 0) p
          LEFT JOIN roost.conversation c ON c.account = p.account AND c.other = p.other WHERE c.account IS NULL`,
  },
];

/** The first schema with blocks, settings of accounts and profiles. */
const peopleFrom = 8;
/** The first schema with keys of the API. */
const backEndFrom = 9;
/** The first schema with the last ids of nodes. */
const lastIdsFrom = 10;

const lastIdQuestions: readonly Question[] = [
  { what: "duplicate numbers of nodes", sql: duplicates("node_last", "number") },
  {
    what: "last ids of nodes above the last id of the store",
    sql: "SELECT count(*) AS n FROM roost.node_last l, roost.sequence s WHERE l.last_id > s.last_id",
  },
];

const peopleQuestions: readonly Question[] = [
  ...(["block", "consent", "guard", "profile", "seen"] as const).map((table): Question => ({
    what: `rows of ${table} without an account`,
    sql: orphans(table, "account", "account"),
  })),
  { what: "blocks of accounts that do not exist", sql: orphans("block", "blocked", "account") },
  // The rows of members of a dismissed group are closed later.
  miscounted(`WHERE ${isFinished} AND NOT (g.closing AND g.dismissed_id > 0 AND g.member_count = 0)`),
  ...(["pin", "join_request"] as const).map((table): Question => ({
    what: `rows of ${table} without an account`,
    sql: orphans(table, "account", "account"),
  })),
  {
    what: "pins of messages that do not exist",
    sql: `SELECT count(*) AS n FROM roost.pin p LEFT JOIN roost.message m ON m.id = p.message WHERE m.id IS NULL`,
  },
  { what: "duplicate pins", sql: duplicates("pin", "message") },
  ...(["invitation", "join_request"] as const).map((table): Question => ({
    what: `rows of ${table} without a group`,
    sql: orphans(table, "chat_group", "chat_group"),
  })),
  { what: "invitations whose maker has no account", sql: orphans("invitation", "maker", "account") },
  { what: "duplicate invitations", sql: duplicates("invitation", "code") },
  { what: "duplicate requests to join", sql: duplicates("join_request", "chat_group, account") },
  {
    what: "entries that name accounts that do not exist",
    sql: `SELECT count(*) AS n FROM roost.entry e, LATERAL unnest(e.accounts) AS t (account)
          LEFT JOIN roost.account a ON a.number = t.account WHERE a.number IS NULL`,
  },
  {
    what: "owners of groups that have the role of an admin, too",
    sql: `SELECT count(*) AS n FROM roost.member m JOIN roost.chat_group g ON g.number = m.chat_group
          WHERE m.account = g.owner AND m.until_id IS NULL AND m.role > 0`,
  },
  {
    what: "members of dismissed groups that have left them after their end",
    sql: `SELECT count(*) AS n FROM roost.member m JOIN roost.chat_group g ON g.number = m.chat_group
          WHERE g.dismissed_id > 0 AND m.until_id > g.dismissed_id`,
  },
  {
    what: "dismissed groups that have members",
    sql: "SELECT count(*) AS n FROM roost.chat_group WHERE dismissed_id > 0 AND member_count > 0",
  },
  { what: "duplicate blocks", sql: duplicates("block", "account, blocked") },
  ...(["consent", "guard", "profile", "seen"] as const).map((table): Question => ({
    what: `accounts with several rows of ${table}`,
    sql: duplicates(table, "account"),
  })),
  {
    what: "versions of blocks, settings or profiles above the last id of the store",
    sql: `SELECT (SELECT count(*) FROM roost.block, roost.sequence s WHERE version > s.last_id)
          + (SELECT count(*) FROM roost.consent, roost.sequence s WHERE version > s.last_id)
          + (SELECT count(*) FROM roost.guard, roost.sequence s WHERE version > s.last_id)
          + (SELECT count(*) FROM roost.profile, roost.sequence s WHERE version > s.last_id) AS n`,
  },
  {
    what: "blocks or settings that refuse nobody, because their account's row of guard is missing or older",
    sql: `SELECT count(*) AS n FROM (
            SELECT account, version FROM roost.block UNION ALL SELECT account, version FROM roost.consent) s
          LEFT JOIN roost.guard g ON g.account = s.account WHERE g.version IS NULL OR g.version < s.version`,
  },
];

function miscounted(where: string): Question {
  return {
    what: "groups with a wrong count of members",
    sql: `SELECT count(*) AS n FROM (SELECT * FROM roost.chat_group g ${where}) g WHERE g.member_count <>
          (SELECT count(*) FROM roost.member m WHERE m.chat_group = g.number AND m.until_id IS NULL)`,
  };
}

function orphans(table: string, column: string, of: string): string {
  return `SELECT count(*) AS n FROM roost.${table} t LEFT JOIN roost.${of} o ON o.number = t.${column}
          WHERE o.number IS NULL`;
}

function duplicates(table: string, columns: string, where = "true"): string {
  return `SELECT count(*) AS n FROM
          (SELECT FROM roost.${table} WHERE ${where} GROUP BY ${columns} HAVING count(*) > 1) twice`;
}

/** Checks the store at a URL. Calls `began` with each step and the part that is done. Rejects with StoreUnavailable. */
export async function checkPostgres(hosts: string, began: (what: string, part: number) => void): Promise<CheckResult> {
  const url = await primaryUrl(hosts);
  const client = openForLong(url);
  try {
    return await client.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", (sql) => check(sql, placeOf(url), began));
  } catch (error) {
    throw failureOf(error);
  } finally {
    await client.close({ timeout: 0 });
  }
}

async function check(
  sql: TransactionSQL,
  place: string,
  began: (what: string, part: number) => void,
): Promise<CheckResult> {
  const version = await versionIn(sql, place);
  if (version === undefined || version === 0) throw new StoreUnavailable(`${place} contains no roost store`);
  const problems: string[] = [];
  const [rows]: { n: bigint }[] = await sql`SELECT count(*) AS n FROM roost.sequence`;
  if (rows?.n !== 1n) problems.push("the store has lost its row of the last id");
  if (version >= identityFrom) {
    const identities: { identity: string }[] = await sql`SELECT identity FROM roost.identity LIMIT 2`;
    if (identities.length !== 1 || !isStoreIdentity(identities[0]?.identity ?? ""))
      problems.push("its identity is not one row of 32 hexadecimal digits; a start with --adopt makes a new one");
  }
  await sql`SET LOCAL enable_indexscan = off`;
  await sql`SET LOCAL enable_indexonlyscan = off`;
  await sql`SET LOCAL enable_bitmapscan = off`;
  const asked = [
    ...questions,
    ...(version >= countsFrom ? countQuestions : [miscounted("")]),
    ...(version >= countsFrom && version < peopleFrom ? [miscounted(`WHERE ${isFinished}`)] : []),
    ...(version >= conversationsFrom ? conversationQuestions : []),
    ...(version >= peopleFrom ? peopleQuestions : []),
    ...(version >= backEndFrom ? backEndQuestions : []),
    ...(version >= lastIdsFrom ? lastIdQuestions : []),
  ];
  for (const [index, question] of asked.entries()) {
    began(question.what, index / (asked.length + 1));
    const [found]: { n: bigint }[] = await sql.unsafe(question.sql);
    if (found !== undefined && found.n > 0n) problems.push(`${found.n} ${question.what}`);
  }
  began("indexes against their tables", asked.length / (asked.length + 1));
  const skipped = await checkIndexes(sql, problems);
  const [held]: { n: bigint }[] = await sql`SELECT count(*) AS n FROM roost.message`;
  return { messages: Number(held?.n ?? 0n), problems, skipped };
}

/** Adds problems of indexes; returns what could not be checked. */
async function checkIndexes(sql: TransactionSQL, problems: string[]): Promise<string[]> {
  const [extension]: { schema: string }[] = await sql`
    SELECT quote_ident(n.nspname) AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'amcheck'`;
  if (extension === undefined) return ["indexes against their tables; CREATE EXTENSION amcheck allows it"];
  const indexes: { oid: bigint; name: string }[] = await sql`
    SELECT i.indexrelid::bigint AS oid, i.indexrelid::regclass::text AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
    WHERE c.relnamespace = 'roost'::regnamespace AND a.amname = 'btree' ORDER BY name`;
  for (const { oid, name } of indexes) {
    try {
      await sql.savepoint((within) =>
        within.unsafe(`SELECT ${extension.schema}.bt_index_check(${oid}::regclass, true)`),
      );
    } catch (error) {
      const reason = reasonOf(error);
      if (/permission denied/.test(reason)) return [`indexes against their tables: ${reason}`];
      problems.push(`the index ${name} is damaged: ${reason}; REINDEX INDEX ${name} rebuilds it`);
    }
  }
  return [];
}
