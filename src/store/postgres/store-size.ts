// The size of a store on PostgreSQL, from the catalogue and the planner's statistics: a large table is not counted.

import type { SQL } from "bun";
import { smallestIdAt, timeOfId } from "../snowflake.ts";
import { recentDaysMax, recentDaysOf, type StoreSize } from "../store-size.ts";
import { placeOf } from "./client.ts";
import { Connections } from "./connection.ts";
import { versionIn } from "./migrate.ts";
import { primaryUrl } from "./primary/tool-place.ts";

const dayMs = 86_400_000;
/** Up to so many rows are counted. */
const countedMax = 200_000;

interface Counted {
  readonly counted: bigint;
}

/** Measures the store; undefined if the database has none. Rejects with StoreUnavailable. */
export async function sizeAt(hosts: string): Promise<StoreSize | undefined> {
  const url = await primaryUrl(hosts);
  const connections = new Connections({ url, connectionsMax: 1, idleSecondsMax: 0 });
  try {
    return await connections.run(async (sql) =>
      (await versionIn(sql, placeOf(url))) ? sizeOfDatabase(sql) : undefined,
    );
  } finally {
    await connections.close();
  }
}

export async function sizeOfDatabase(sql: SQL): Promise<StoreSize> {
  const [facts]: { bytes: bigint; rows: number; oldest: bigint | null; now_ms: number }[] = await sql`
    SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes,
      coalesce(max(c.reltuples) FILTER (WHERE c.relname = 'message'), 0)::float8 AS rows,
      (SELECT min(id) FROM roost.message) AS oldest,
      (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now_ms
    FROM pg_class c WHERE c.relnamespace = 'roost'::regnamespace AND c.relkind = 'r'`;
  const bytes = Number(facts?.bytes ?? 0n);
  if (facts === undefined || facts.oldest === null) return { bytes, messages: 0, recentMessages: 0, recentDays: 1 };
  const recentId = smallestIdAt(facts.now_ms - recentDaysMax * dayMs);
  const [all]: Counted[] = await sql`
    SELECT count(*) AS counted FROM (SELECT FROM roost.message ORDER BY id LIMIT ${countedMax}::integer) m`;
  const [recent]: Counted[] = await sql`
    SELECT count(*) AS counted FROM
      (SELECT FROM roost.message WHERE id >= ${recentId}::bigint ORDER BY id LIMIT ${countedMax}::integer) m`;
  const messages = Number(all?.counted ?? 0n);
  const recentMessages = Number(recent?.counted ?? 0n);
  return {
    bytes,
    messages: messages < countedMax ? messages : Math.max(messages, facts.rows),
    recentMessages: recentMessages < countedMax ? recentMessages : await plannedRows(sql, recentId, recentMessages),
    recentDays: recentDaysOf(timeOfId(facts.oldest), facts.now_ms),
  };
}

/** Returns the planner's estimate of the messages from an id on, which is at least `rowsMin`. */
async function plannedRows(sql: SQL, fromId: bigint, rowsMin: number): Promise<number> {
  const plan: Record<string, unknown>[] = await sql.unsafe(`EXPLAIN SELECT FROM roost.message WHERE id >= ${fromId}`);
  const rows = /\brows=(\d+)/.exec(JSON.stringify(plan[0] ?? {}))?.[1];
  return Math.max(rowsMin, Number(rows ?? 0));
}
