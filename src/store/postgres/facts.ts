// The facts of a store on PostgreSQL, for people who back it up or restore it. The queries read whole tables, so they
// do not use the connections of requests.

import type { SQL } from "bun";
import type { StoreFacts } from "../store-facts.ts";
import { StoreUnavailable } from "../store.ts";

export async function readFacts(sql: SQL): Promise<StoreFacts> {
  const [row]: { messages: bigint; names: bigint; last_id: bigint | null; sent_ns: bigint | null }[] = await sql`
    SELECT (SELECT count(*) FROM roost.message) AS messages,
      (SELECT count(*) FROM roost.account) + (SELECT count(*) FROM roost.chat_group) AS names,
      (SELECT last_id FROM roost.sequence) AS last_id,
      (SELECT sent_ns FROM roost.message ORDER BY id DESC LIMIT 1) AS sent_ns`;
  if (row === undefined || row.last_id === null)
    throw new StoreUnavailable("the store has lost its row of the last id; restore it from another backup");
  return {
    messages: Number(row.messages),
    names: Number(row.names),
    lastId: `${row.last_id}`,
    newestMs: row.sent_ns === null ? undefined : Number(row.sent_ns / 1_000_000n),
  };
}

/** Counts nodes whose leases are valid by the database's clock. */
export async function aliveNodes(sql: SQL): Promise<number> {
  const [row]: { n: bigint }[] = await sql`
    SELECT count(*) AS n FROM roost.node WHERE until_ms > floor(extract(epoch FROM clock_timestamp()) * 1000)`;
  return Number(row?.n ?? 0n);
}

export async function newerThan(sql: SQL, lastId: string): Promise<number> {
  const [row]: { n: bigint }[] = await sql`SELECT count(*) AS n FROM roost.message WHERE id > ${lastId}::bigint`;
  return Number(row?.n ?? 0n);
}
