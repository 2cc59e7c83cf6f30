// Reads accounts' views of their conversations for exports (export-tail.ts): what they have set, and how far they have
// read.

import type { SQL } from "bun";
import type { ConversationRecord } from "../../data-records.ts";
import type { TailPosition } from "../../export-cursor.ts";
import { hasView, isGiven, type TailRow, type TailRows } from "../../export-tail.ts";
import type { Connections } from "../connection.ts";
import { endId } from "../conversation-functions.ts";
import { fromText, toText } from "../text.ts";
import { placeOf, rowsReadMax, type Selected } from "./export-statements.ts";

interface ViewRow {
  readonly account: bigint;
  readonly other: bigint;
  readonly name: string;
  readonly peer: string | null;
  readonly group_id: string | null;
  readonly group_place: bigint | null;
  readonly is_pinned: boolean;
  readonly is_muted: boolean;
  readonly is_hidden: boolean;
  readonly cleared_to: bigint;
  readonly read_to: bigint;
}

/** The views of an account, or of all accounts of an app, behind a position. */
export async function viewsAfter(
  connections: Connections,
  life: string,
  selected: Pick<Selected, "app" | "account">,
  position: TailPosition,
): Promise<TailRows> {
  const keys = await connections.run<{ account: bigint; other: bigint }[]>((sql) =>
    keysPage(sql, life, selected.account, position.key),
  );
  const rows = keys.length === 0 ? [] : await connections.run<ViewRow[]>((sql) => views(sql, life, selected, keys));
  const found = new Map(rows.map((row) => [`${row.account} ${row.other}`, row]));
  const placed = keys.map(({ account, other }): TailRow => {
    const row = found.get(`${account} ${other}`);
    const isNamed = other > 0n || isGiven(position, row?.group_place ?? undefined);
    const conversation = row && isNamed ? recordOf(row) : undefined;
    return { key: [account, other], record: conversation && { conversation } };
  });
  return { rows: placed, isAll: keys.length < rowsReadMax };
}

/** The keys of both tables, whomever they belong to. */
function keysPage(sql: SQL, life: string, only: bigint | undefined, [account = 0n, other = 0n]: readonly bigint[]) {
  const begins = only === undefined || account >= only;
  const [from, after] = [`${begins ? account : only - 1n}`, begins ? `${other}` : endId];
  const last = only === undefined ? endId : `${only}`;
  return sql`SELECT k.account, k.other FROM (
      (SELECT c.account, c.other FROM roost.conversation c
        WHERE (c.account, c.other) > (${from}::bigint, ${after}::bigint) AND c.account <= ${last}::bigint
        ORDER BY c.account, c.other LIMIT ${rowsReadMax})
      UNION
      (SELECT r.account, r.other FROM roost.read_cursor r
        WHERE (r.account, r.other) > (${from}::bigint, ${after}::bigint) AND r.account <= ${last}::bigint
        ORDER BY r.account, r.other LIMIT ${rowsReadMax})
    ) k
    WHERE roost.require_life(${life}) ORDER BY k.account, k.other LIMIT ${rowsReadMax}`;
}

/** Those of the app of these views. A message that the retention has passed over is none. */
function views(
  sql: SQL,
  life: string,
  selected: Pick<Selected, "app" | "account">,
  keys: readonly { account: bigint; other: bigint }[],
) {
  const { app } = selected;
  const column = (pick: "account" | "other") =>
    sql.array(
      keys.map((key) => `${key[pick]}`),
      "BIGINT",
    );
  return sql`SELECT k.account, k.other, a.name, p.name AS peer, g.id AS group_id,
      CASE WHEN k.other < 0 THEN ${placeOf(sql, selected, sql`-k.other`)} END AS group_place,
      coalesce(c.is_pinned, false) AS is_pinned, coalesce(c.is_muted, false) AS is_muted,
      coalesce(c.hidden_id > 0 AND cardinality(roost.ids_after(
          k.account, k.other, greatest(c.hidden_id, c.cleared_id, w.id), ${endId}::bigint, 0, 1)) = 0
        AND (k.other < 0 OR cardinality(roost.ids_after(
          k.account, k.other, greatest(c.cleared_id, w.id), ${endId}::bigint, 0, 1)) > 0)
        AND NOT EXISTS (
          SELECT FROM roost.member m
          WHERE m.account = k.account AND m.chat_group = -k.other AND m.from_id > c.hidden_id), false) AS is_hidden,
      CASE WHEN c.cleared_id > w.id THEN coalesce((
        SELECT max(t.id) FROM (VALUES
          (CASE WHEN k.other < 0 THEN (
            SELECT m.id FROM roost.message m WHERE m.inbox = k.other AND m.id <= c.cleared_id
            ORDER BY m.id DESC LIMIT 1) END),
          (CASE WHEN k.other > 0 THEN (
            SELECT m.id FROM roost.message m
            WHERE m.inbox >= 1 AND m.sender = k.account AND m.inbox = k.other AND m.id <= c.cleared_id
            ORDER BY m.id DESC LIMIT 1) END),
          (CASE WHEN k.other > 0 THEN (
            SELECT m.id FROM roost.message m
            WHERE m.inbox >= 1 AND m.sender = k.other AND m.inbox = k.account AND m.id <= c.cleared_id
            ORDER BY m.id DESC LIMIT 1) END)) AS t (id)
        WHERE t.id > w.id), 0) ELSE 0 END AS cleared_to,
      coalesce((
        SELECT m.id FROM roost.message m WHERE m.id = r.read_id AND m.id > w.id), 0) AS read_to
    FROM unnest(${column("account")}, ${column("other")}) AS k (account, other)
    CROSS JOIN (SELECT roost.watermark_of(${toText(app)}) AS id) w
    JOIN roost.account a ON a.number = k.account
    LEFT JOIN roost.account p ON p.number = k.other
    LEFT JOIN roost.chat_group g ON g.number = -k.other
    LEFT JOIN LATERAL (
      SELECT * FROM roost.conversation c WHERE c.account = k.account AND c.other = k.other LIMIT 1) c ON true
    LEFT JOIN LATERAL (
      SELECT * FROM roost.read_cursor r WHERE r.account = k.account AND r.other = k.other LIMIT 1) r ON true
    WHERE roost.require_life(${life}) AND a.app = ${toText(app)} AND coalesce(p.app, g.app) = ${toText(app)}
      AND (c.version > 0 OR r.read_id > 0)`;
}

function recordOf(row: ViewRow): ConversationRecord | undefined {
  const { peer, group_id: group, is_pinned: pinned, is_muted: muted, is_hidden: hidden } = row;
  const record: ConversationRecord = {
    account: fromText(row.name),
    ...(peer !== null && { peer: fromText(peer) }),
    ...(group !== null && { group: fromText(group) }),
    pinned,
    muted,
    hidden,
    ...(row.cleared_to > 0n && { clearedTo: `${row.cleared_to}` }),
    ...(row.read_to > 0n && { readTo: `${row.read_to}` }),
  };
  return hasView(record) ? record : undefined;
}
