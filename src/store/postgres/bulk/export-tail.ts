// Reads what comes behind the log of an export (store/export-tail.ts): views (export-views.ts), pinned messages,
// invitations and requests to join. Which of these show, the functions say by which members read them.

import type { SQL } from "bun";
import { joinRequestDays } from "../../../base/limits/fixed.ts";
import type { DataRecord } from "../../data-records.ts";
import type { TailPart, TailPosition } from "../../export-cursor.ts";
import { logEndOf } from "../../export-page.ts";
import { isGiven, startIn, tailPage, tailPartsOf, tailRows, type TailRows, withGroupIds } from "../../export-tail.ts";
import type { Connections } from "../connection.ts";
import { endId } from "../conversation-functions.ts";
import { fromText, toText } from "../text.ts";
import { type LogEnds, logEnds, placeOf, rowsReadMax, type Selected } from "./export-statements.ts";
import { viewsAfter } from "./export-views.ts";

interface PinRow {
  readonly first: bigint;
  readonly other: bigint;
  readonly entry: bigint;
  readonly message: bigint;
  /** Null if it was deleted. */
  readonly account: string | null;
  readonly is_seen: boolean;
}

interface InvitationRow {
  readonly chat_group: bigint;
  readonly group_place: bigint | null;
  readonly number: bigint;
  /** Null, as what follows, if it is not valid, or of another app. */
  readonly group_id: string | null;
  readonly code: string;
  readonly account: string;
  readonly expires_s: bigint;
  readonly uses_left: number;
}

interface RequestRow {
  readonly chat_group: bigint;
  readonly account_number: bigint;
  readonly group_id: string;
  readonly account: string;
  readonly text: string;
  readonly at_s: bigint;
  readonly is_seen: boolean;
}

/** The parts behind the log of what is exported. */
export function partsOf({ peer, group }: Selected): readonly TailPart[] {
  return tailPartsOf({ isPair: peer !== undefined, isGroup: group !== undefined });
}

/** A page behind a position. `life`: the store's. */
export async function tailOf(
  connections: Connections,
  life: string,
  selected: Selected,
  from: TailPosition,
  limit: number,
) {
  const rows = await rowsOf(connections, life, selected, from);
  const [ends] = await connections.run<LogEnds[]>((sql) => logEnds(sql, life, selected.app));
  const logEnd = logEndOf(from.logId, ends?.last_id ?? 0n, ends?.creating_id ?? null);
  return tailPage(from, rows, { limit, parts: partsOf(selected), logEnd });
}

async function rowsOf(
  connections: Connections,
  life: string,
  selected: Selected,
  from: TailPosition,
): Promise<TailRows> {
  const { key, logId } = from;
  switch (from.part) {
    case "conversations":
      return viewsAfter(connections, life, selected, from);
    case "pins":
      return tailRows(
        await connections.run<PinRow[]>((sql) => pinsPage(sql, life, selected, key)),
        rowsReadMax,
        ({ first, other, entry }) => [first, other, entry],
        ({ is_seen, account, message }) =>
          is_seen && message <= logId
            ? { pin: { account: fromText(account ?? ""), messageId: `${message}` } }
            : undefined,
      );
    case "invitations":
      return tailRows(
        await connections.run<InvitationRow[]>((sql) => invitationsPage(sql, life, selected, key)),
        rowsReadMax,
        (row) => [row.chat_group, row.number],
        (row) => (isGiven(from, row.group_place ?? undefined) ? invitationOf(row) : undefined),
      );
    case "requests": {
      const { account: only } = selected;
      const found = tailRows(
        await connections.run<RequestRow[]>((sql) => requestsPage(sql, life, selected, key)),
        rowsReadMax,
        (row) => [row.chat_group, row.account_number],
        ({ chat_group: group, is_seen, group_id, account, text, at_s }) =>
          is_seen && (only !== undefined || isGiven(from, group))
            ? {
                joinRequest: {
                  group: fromText(group_id),
                  account: fromText(account),
                  text: fromText(text),
                  time: Number(at_s),
                },
              }
            : undefined,
      );
      // An account need not have been in the groups.
      return only === undefined ? found : withGroupIds(found, from);
    }
  }
}

function invitationOf({ group_id: group, code, account, ...row }: InvitationRow): DataRecord | undefined {
  if (group === null) return undefined;
  return {
    invitation: {
      group: fromText(group),
      code,
      account: fromText(account),
      expiresAt: Number(row.expires_s),
      usesLeft: Math.max(0, row.uses_left),
    },
  };
}

/** Of an account, those of its conversations that it may read. */
function pinsPage(sql: SQL, life: string, { app, account, peer, group }: Selected, key: readonly bigint[]) {
  const pair = account !== undefined && peer !== undefined ? (account < peer ? [account, peer] : [peer, account]) : [];
  const only = pair[0] ?? (group === undefined ? undefined : -group);
  const [first = 0n, other = 0n, entry = 0n] = startIn(only, key);
  const second = pair[1] === undefined ? null : `${pair[1]}`;
  const me = account === undefined || peer !== undefined ? null : `${account}`;
  return sql`SELECT p.first, p.other, p.entry, p.message,
      (SELECT a.name FROM roost.account a WHERE a.number = p.account AND a.app = ${toText(app)}) AS account,
      CASE WHEN p.first < 0 THEN (SELECT g.app FROM roost.chat_group g WHERE g.number = -p.first)
        ELSE (SELECT a.app FROM roost.account a WHERE a.number = p.first) END = ${toText(app)}
      AND p.message > roost.watermark_of(${toText(app)}) AND (${second}::bigint IS NULL OR p.other = ${second}::bigint)
      AND CASE WHEN ${me}::bigint IS NULL THEN true WHEN p.first > 0 THEN ${me}::bigint IN (p.first, p.other)
        ELSE coalesce((
            SELECT g.member_count > 0 FROM roost.chat_group g JOIN roost.member m ON m.chat_group = g.number
            WHERE g.number = -p.first AND m.account = ${me}::bigint AND m.until_id IS NULL), false)
          AND coalesce((
            SELECT w.until_id IS NULL OR w.until_id > p.message FROM roost.member w
            WHERE w.account = ${me}::bigint AND w.chat_group = -p.first AND w.from_id < p.message
            ORDER BY w.from_id DESC LIMIT 1), false) END AS is_seen
    FROM roost.pin p
    WHERE roost.require_life(${life})
      AND (p.first, p.other, p.entry) > (${`${first}`}::bigint, ${`${other}`}::bigint, ${`${entry}`}::bigint)
      AND p.first <= ${only === undefined ? endId : `${only}`}::bigint
    ORDER BY p.first, p.other, p.entry LIMIT ${rowsReadMax}`;
}

/** Of an account, those that it made. */
function invitationsPage(sql: SQL, life: string, selected: Selected, key: readonly bigint[]) {
  const { app, account, group } = selected;
  const [from = 0n, number = 0n] = startIn(group, key);
  const maker = account === undefined ? null : `${account}`;
  return sql`WITH looked AS (
      SELECT i.chat_group, i.number, i.maker FROM roost.invitation i
      WHERE roost.require_life(${life}) AND (i.chat_group, i.number) > (${`${from}`}::bigint, ${`${number}`}::bigint)
        AND i.chat_group <= ${group === undefined ? endId : `${group}`}::bigint
      ORDER BY i.chat_group, i.number LIMIT ${rowsReadMax}
    ), valid AS (
      SELECT g.id AS group_id, v.* FROM (SELECT DISTINCT l.chat_group FROM looked l) l
      JOIN roost.chat_group g ON g.number = l.chat_group
      CROSS JOIN LATERAL roost.invitations_of(g.number) v
      WHERE g.app = ${toText(app)} AND g.member_count > 0
    )
    SELECT l.chat_group, l.number, ${placeOf(sql, selected, sql`l.chat_group`)} AS group_place,
      v.group_id, v.code, v.account, v.expires_s, v.uses_left
    FROM looked l LEFT JOIN valid v ON v.number = l.number
      AND (${maker}::bigint IS NULL OR l.maker = ${maker}::bigint)
    ORDER BY l.chat_group, l.number`;
}

/** Of an account, its own. */
function requestsPage(sql: SQL, life: string, { app, account, group }: Selected, key: readonly bigint[]) {
  const [from = 0n, number = 0n] = startIn(group, key);
  const asking = account === undefined ? null : `${account}`;
  return sql`SELECT r.chat_group, r.account AS account_number, g.id AS group_id, a.name AS account, r.text, r.at_s,
      g.app = ${toText(app)} AND a.app = ${toText(app)} AND g.member_count > 0
        AND r.at_s > roost.wall_us() / 1000000 - ${joinRequestDays * 86_400}::bigint
        AND (${asking}::bigint IS NULL OR r.account = ${asking}::bigint) AS is_seen
    FROM roost.join_request r JOIN roost.chat_group g ON g.number = r.chat_group
    JOIN roost.account a ON a.number = r.account
    WHERE roost.require_life(${life}) AND (r.chat_group, r.account) > (${`${from}`}::bigint, ${`${number}`}::bigint)
      AND r.chat_group <= ${group === undefined ? endId : `${group}`}::bigint
    ORDER BY r.chat_group, r.account LIMIT ${rowsReadMax}`;
}
