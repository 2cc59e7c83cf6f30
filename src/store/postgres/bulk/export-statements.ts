// The statements of an export. Each reads at most `rowsReadMax` rows, by an index.

import type { SQL } from "bun";
import { exportNamesMax } from "../../../base/limits/fixed.ts";
import type { LogPlace } from "../../export-cursor.ts";
import type { Consent } from "../../group-rights.ts";
import { mediaState } from "../../media.ts";
import { endId as idEnd } from "../conversation-functions.ts";
import { toText } from "../text.ts";

export const rowsReadMax = 2_000;

/** What a scope names, by number; undefined: everything of the app. */
export interface Selected {
  readonly app: string;
  readonly account: bigint | undefined;
  readonly peer: bigint | undefined;
  readonly group: bigint | undefined;
}

export interface ProfileRow {
  readonly number: bigint;
  readonly app: string;
  readonly account: string;
  readonly name: string;
  readonly avatar: string;
  readonly extra: string;
}

export interface AccountRow {
  readonly number: bigint;
  readonly app: string;
  readonly account: string;
  /** Null if they were never set. */
  readonly write_rule: Consent | null;
  readonly add_rule: Consent | null;
  readonly blocked: readonly string[];
  readonly devices: readonly string[];
  /** Accounts that the statement has looked at: more than it returns if those would name too many. */
  readonly looked: bigint;
}

/** A file that no message names. */
export interface FileRow {
  /** The version of its promise. */
  readonly number: bigint;
  readonly app: string;
  readonly account: string;
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: bigint;
}

export interface MediaRow {
  readonly message: bigint;
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly size: bigint;
}

export interface GroupRow {
  /** Its place in the export (LogPosition.groups). */
  readonly number: bigint;
  readonly app: string;
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly announcement: string;
  /** Null for a group that was imported without one. */
  readonly owner: string | null;
  readonly owner_app: string | null;
  readonly created_ms: bigint;
  readonly closed: boolean;
  readonly approval: boolean;
  readonly for_admins: boolean;
  readonly dismissed_id: bigint;
  /** The account whose export it is may see it as it is now. */
  readonly is_seen: boolean;
}

export interface MessageRow {
  readonly id: bigint;
  readonly sender: string;
  readonly sender_app: string;
  readonly to_group: boolean;
  /** The group's place in the export; null for a direct message. */
  readonly group_place: bigint | null;
  readonly dest: string | null;
  readonly dest_app: string | null;
  readonly sent_ns: bigint;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly state: number | null;
  readonly reply_to: bigint | null;
  readonly mentions: string | null;
  /** How many there are. */
  readonly reactions: bigint;
}

export interface MemberRow {
  readonly at: bigint;
  readonly number: bigint;
  readonly chat_group: bigint;
  readonly group_place: bigint | null;
  readonly group_app: string;
  readonly group_id: string;
  readonly account_number: bigint;
  readonly account_app: string;
  readonly account: string;
  readonly is_open: boolean;
  readonly is_owner: boolean;
  readonly role: number;
  readonly alias: string;
  readonly joined_ms: bigint;
  /** 0 if the member is not muted now. */
  readonly muted_until: bigint;
  readonly left_ns: bigint | null;
}

export interface LogEnds {
  readonly last_id: bigint;
  /** No message up to this id is given. */
  readonly watermark_id: bigint;
  /** The first id of groups of the app that are being created; null if there are none. */
  readonly creating_id: bigint | null;
}

export function profilesPage(sql: SQL, life: string, { account, peer, group }: Selected, after: bigint) {
  // Of a conversation or a group there are none.
  const only = textOf(peer !== undefined || group !== undefined ? 0n : account);
  return sql`SELECT p.account AS number, a.app, a.name AS account, p.name, p.avatar, p.extra
    FROM roost.profile p JOIN roost.account a ON a.number = p.account
    WHERE roost.require_life(${life}) AND p.account > ${`${after}`}::bigint
      AND (${only}::bigint IS NULL OR p.account = ${only}::bigint)
    ORDER BY p.account LIMIT ${rowsReadMax}`;
}

/** Of accounts of other apps nothing is read but their numbers. */
export function accountsPage(sql: SQL, life: string, { app, account, peer, group }: Selected, after: bigint) {
  const only = textOf(peer !== undefined || group !== undefined ? 0n : account);
  return sql`WITH looked AS (
      SELECT a.number, a.app, a.name FROM roost.account a
      WHERE roost.require_life(${life}) AND a.number > ${`${after}`}::bigint
        AND (${only}::bigint IS NULL OR a.number = ${only}::bigint)
      ORDER BY a.number LIMIT ${rowsReadMax}
    ), sized AS (
      SELECT l.*, coalesce(sum(n.names) OVER (
          ORDER BY l.number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS names_before
      FROM looked l CROSS JOIN LATERAL (
        SELECT CASE WHEN l.app = ${toText(app)} THEN
          (SELECT count(*) FROM roost.block b WHERE b.account = l.number AND NOT b.is_off)
          + (SELECT count(*) FROM roost.cursor d WHERE d.account = l.number) ELSE 0 END AS names) n
    )
    SELECT s.number, s.app, s.name AS account, c.write_rule, c.add_rule, (SELECT count(*) FROM looked) AS looked,
      ARRAY(SELECT o.name FROM roost.block b JOIN roost.account o ON o.number = b.blocked
        WHERE s.app = ${toText(app)} AND b.account = s.number AND NOT b.is_off AND o.app <> ''
        ORDER BY o.name) AS blocked,
      ARRAY(SELECT d.device FROM roost.cursor d
        WHERE s.app = ${toText(app)} AND d.account = s.number ORDER BY d.device) AS devices
    FROM sized s LEFT JOIN roost.consent c ON c.account = s.number
    WHERE s.names_before < ${exportNamesMax} ORDER BY s.number`;
}

export function filesPage(sql: SQL, life: string, { account, peer, group }: Selected, after: bigint) {
  const only = textOf(peer !== undefined || group !== undefined ? 0n : account);
  return sql`SELECT m.version AS number, a.app, a.name AS account, m.id, m.name, m.type, m.size
    FROM roost.media m JOIN roost.account a ON a.number = m.account
    WHERE roost.require_life(${life}) AND m.version > ${`${after}`}::bigint AND m.state < ${mediaState.named}
      AND (${only}::bigint IS NULL OR m.account = ${only}::bigint)
    ORDER BY m.version LIMIT ${rowsReadMax}`;
}

/**
 * The place of a group in an export: its number, or of an account, the number of the row with which it first joined;
 * null if it never did. Both rise with time.
 */
export function placeOf(sql: SQL, { account }: Pick<Selected, "account">, group: SQL.Query<unknown>) {
  if (account === undefined) return group;
  return sql`(SELECT f.number FROM roost.member f
    WHERE f.account = ${`${account}`}::bigint AND f.chat_group = ${group} ORDER BY f.from_id LIMIT 1)`;
}

/**
 * Groups behind a place. A group that is being created shows when all of its members are there; until then no group is
 * read that began after it, so that none shows later before what was read.
 */
export function groupsPage(sql: SQL, life: string, selected: Selected, after: bigint) {
  const { app, account, peer, group } = selected;
  const columns = sql`g.app, g.id, g.name, g.avatar, g.introduction, g.announcement, a.name AS owner,
      a.app AS owner_app, g.created_ms, g.closed, g.approval, g.for_admins, g.dismissed_id`;
  const isFinished = sql`NOT EXISTS (SELECT FROM roost.unfinished_group u WHERE u.chat_group = g.number)`;
  if (account !== undefined && peer === undefined)
    return sql`SELECT f.number, ${columns}, g.dismissed_id = 0 AND f.is_member AS is_seen
      FROM (
        SELECT min(m.number) AS number, min(m.from_id) AS from_id, bool_or(m.until_id IS NULL) AS is_member,
          m.chat_group
        FROM roost.member m WHERE m.account = ${`${account}`}::bigint GROUP BY m.chat_group) f
      JOIN roost.chat_group g ON g.number = f.chat_group LEFT JOIN roost.account a ON a.number = g.owner
      WHERE roost.require_life(${life}) AND f.number > ${`${after}`}::bigint AND ${isFinished}
        AND f.from_id < coalesce((SELECT min(c.version) ${creatingIn(sql, app)}), ${idEnd}::bigint)
      ORDER BY f.number LIMIT ${rowsReadMax}`;
  const only = textOf(peer !== undefined ? 0n : group);
  return sql`SELECT g.number, ${columns}, true AS is_seen
    FROM roost.chat_group g LEFT JOIN roost.account a ON a.number = g.owner
    WHERE roost.require_life(${life}) AND g.number > ${`${after}`}::bigint AND ${isFinished}
      AND (${only}::bigint IS NULL OR g.number = ${only}::bigint)
      AND g.number < coalesce((SELECT min(c.number) ${creatingIn(sql, app)}), ${idEnd}::bigint)
    ORDER BY g.number LIMIT ${rowsReadMax}`;
}

/** Groups c of an app that are being created. */
function creatingIn(sql: SQL, app: string) {
  return sql`FROM roost.unfinished_group u JOIN roost.chat_group c ON c.number = u.chat_group
    WHERE u.step >= 0 AND c.app = ${toText(app)}`;
}

export function logEnds(sql: SQL, life: string, app: string) {
  return sql`SELECT s.last_id, roost.watermark_of(${toText(app)}) AS watermark_id,
      (SELECT min(c.version) ${creatingIn(sql, app)}) AS creating_id
    FROM roost.sequence s WHERE roost.require_life(${life})`;
}

/** The ids of messages of a conversation, a group or an account above an id, the smallest first. */
export function messageIds(
  sql: SQL,
  life: string,
  { account, peer, group }: Selected,
  after: bigint,
  endId: bigint,
  limit: number,
) {
  const [from, end] = [`${after}`, `${endId}`];
  if (group !== undefined)
    return sql`SELECT m.id FROM roost.message m
      WHERE roost.require_life(${life}) AND m.inbox = ${`${-group}`}::bigint AND m.id > ${from}::bigint
        AND m.id <= ${end}::bigint ORDER BY m.id LIMIT ${limit}`;
  const me = `${account}`;
  if (peer !== undefined)
    return sql`SELECT n.id FROM (
        (SELECT m.id FROM roost.message m WHERE m.inbox >= 1 AND m.sender = ${me}::bigint
          AND m.inbox = ${`${peer}`}::bigint AND m.id > ${from}::bigint ORDER BY m.id LIMIT ${limit})
        UNION
        (SELECT m.id FROM roost.message m WHERE m.inbox >= 1 AND m.sender = ${`${peer}`}::bigint
          AND m.inbox = ${me}::bigint AND m.id > ${from}::bigint ORDER BY m.id LIMIT ${limit})
      ) n WHERE roost.require_life(${life}) AND n.id <= ${end}::bigint ORDER BY n.id LIMIT ${limit}`;
  return sql`SELECT n.id FROM (
      (SELECT m.id FROM roost.message m WHERE m.inbox = ${me}::bigint AND m.id > ${from}::bigint
        ORDER BY m.id LIMIT ${limit})
      UNION
      (SELECT m.id FROM roost.message m WHERE m.sender = ${me}::bigint AND m.inbox > 0 AND m.inbox <> m.sender
        AND m.id > ${from}::bigint ORDER BY m.id LIMIT ${limit})
      UNION
      (SELECT x.id FROM roost.member w, LATERAL (
          SELECT m.id FROM roost.message m
          WHERE m.inbox = -w.chat_group AND m.id > greatest(${from}::bigint, w.from_id)
            AND m.id < coalesce(w.until_id, 9223372036854775807)
          ORDER BY m.id LIMIT ${limit}) x
        WHERE w.account = ${me}::bigint)
    ) n WHERE roost.require_life(${life}) AND n.id <= ${end}::bigint ORDER BY n.id LIMIT ${limit}`;
}

/** Messages by their ids, or all of them above an id. */
export function messagesPage(
  sql: SQL,
  life: string,
  selected: Selected,
  {
    after,
    endId,
    ids,
  }: { readonly after: bigint; readonly endId: bigint; readonly ids: readonly bigint[] | undefined },
) {
  const columns = sql`m.id, s.name AS sender, s.app AS sender_app, m.inbox < 0 AS to_group,
      CASE WHEN m.inbox < 0 THEN ${placeOf(sql, selected, sql`-m.inbox`)} END AS group_place,
      CASE WHEN m.inbox < 0 THEN (SELECT g.id FROM roost.chat_group g WHERE g.number = -m.inbox)
        ELSE (SELECT a.name FROM roost.account a WHERE a.number = m.inbox) END AS dest,
      CASE WHEN m.inbox < 0 THEN (SELECT g.app FROM roost.chat_group g WHERE g.number = -m.inbox)
        ELSE (SELECT a.app FROM roost.account a WHERE a.number = m.inbox) END AS dest_app,
      m.sent_ns, m.type, m.body, m.extra, m.state::integer AS state, m.reply_to, m.mentions,
      (SELECT coalesce(sum(c.accounts), 0)::bigint FROM roost.reaction_count c WHERE c.message = m.id) AS reactions`;
  if (ids === undefined)
    return sql`SELECT ${columns} FROM roost.message m JOIN roost.account s ON s.number = m.sender
      WHERE roost.require_life(${life}) AND m.id > ${`${after}`}::bigint AND m.id <= ${`${endId}`}::bigint
      ORDER BY m.id LIMIT ${rowsReadMax}`;
  return sql`SELECT ${columns}
    FROM unnest(${sql.array(ids.map(String), "BIGINT")}) AS wanted (id)
    JOIN roost.message m ON m.id = wanted.id JOIN roost.account s ON s.number = m.sender
    WHERE roost.require_life(${life}) ORDER BY m.id`;
}

/** The files that messages name, in their order. */
export function mediaOf(sql: SQL, life: string, ids: readonly bigint[]) {
  return sql`SELECT u.message, m.id, m.name, m.type, m.size
    FROM roost.media_use u JOIN roost.media m ON m.id = u.media
    WHERE roost.require_life(${life}) AND u.message = ANY (${sql.array(ids.map(String), "BIGINT")})
    ORDER BY u.message, u.place`;
}

export function reactionsOf(sql: SQL, life: string, ids: readonly bigint[], eachMax: number) {
  return sql`SELECT r.message, a.name AS account, r.reaction
    FROM unnest(${sql.array(ids.map(String), "BIGINT")}) AS wanted (id), LATERAL (
      SELECT r.message, r.account, r.reaction FROM roost.reaction r WHERE r.message = wanted.id LIMIT ${eachMax}) r
    JOIN roost.account a ON a.number = r.account
    WHERE roost.require_life(${life}) AND a.app <> ''`;
}

/** Members who joined, or left, after a place of the log. */
export function membersPage(
  sql: SQL,
  life: string,
  column: "from_id" | "until_id",
  selected: Selected,
  { id, row }: LogPlace,
  until: bigint,
) {
  const at = column === "from_id" ? sql`m.from_id` : sql`m.until_id`;
  return sql`SELECT ${at} AS at, m.number, m.chat_group,
      ${placeOf(sql, selected, sql`m.chat_group`)} AS group_place, g.app AS group_app, g.id AS group_id,
      m.account AS account_number, a.app AS account_app, a.name AS account, m.until_id IS NULL AS is_open,
      g.owner = m.account AS is_owner, m.role::integer AS role, m.alias, m.joined_ms,
      CASE WHEN m.muted_until > roost.wall_us() / 1000000 THEN m.muted_until ELSE 0 END AS muted_until,
      (SELECT e.at_ns FROM roost.entry e WHERE e.id = m.until_id) AS left_ns
    FROM roost.member m JOIN roost.chat_group g ON g.number = m.chat_group JOIN roost.account a ON a.number = m.account
    WHERE roost.require_life(${life}) AND (${at}, m.number) > (${`${id}`}::bigint, ${`${row}`}::bigint)
      AND ${at} <= ${`${until}`}::bigint
      AND NOT EXISTS (SELECT FROM roost.unfinished_group u WHERE u.chat_group = m.chat_group)
    ORDER BY ${at}, m.number LIMIT ${rowsReadMax}`;
}

/** A number as a parameter; null for undefined. */
function textOf(number: bigint | undefined): string | null {
  return number === undefined ? null : `${number}`;
}
