// Tells in the log how far a migration is: it takes minutes for a large store, and writers wait for it.

import type { Log } from "../../base/log.ts";
import { placeOf } from "./client.ts";
import { Connections } from "./connection.ts";

/** Measured: 4 s if nearly every message is of a pair of accounts that has no other; see scripts/README.md. */
const secondsPerMillion = 5;
/** The first schema with conversations, to which a migration takes the time of reading all messages. */
const longFrom = 6;

/**
 * Runs `work`, which migrates the store from a schema to another, and logs its begin, its end, and every `everyMs` how
 * far it is. Another process may hold the lock of migrations meanwhile: the lines are about its work then.
 */
export async function withProgress(
  url: string,
  schemas: { readonly from: number; readonly to: number },
  log: Log,
  everyMs: number,
  work: () => Promise<void>,
): Promise<void> {
  const store = placeOf(url);
  const { from, to } = schemas;
  const connections = new Connections({ url, connectionsMax: 1, idleSecondsMax: 0 });
  const startMs = performance.now();
  const seconds = (): number => Math.round((performance.now() - startMs) / 1_000);
  let isRunning = true;
  const tell = async (): Promise<void> => {
    const index = await indexProgress(connections);
    // The work may end while the database is asked.
    if (isRunning) log.info("The message store is still being migrated.", { store, seconds: seconds(), index });
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  try {
    const messages = await messagesIn(connections);
    const expected = from < longFrom && messages !== undefined ? (messages / 1e6) * secondsPerMillion : undefined;
    log.info("Migrating the message store; writers wait until it is done.", {
      store,
      from,
      to,
      messages,
      secondsAtMost: expected === undefined ? undefined : Math.ceil(expected),
    });
    timer = setInterval(() => void tell(), everyMs);
    await work();
    isRunning = false;
    log.info("The message store is migrated.", { store, schema: to, seconds: seconds() });
  } finally {
    isRunning = false;
    clearInterval(timer);
    await connections.close();
  }
}

/** Estimates by the catalogue; undefined if nobody has analysed the table yet, or there is none. */
async function messagesIn(connections: Connections): Promise<number | undefined> {
  try {
    const [row]: { rows: number }[] = await connections.run(
      (sql) => sql`SELECT reltuples::float8 AS rows FROM pg_class WHERE oid = to_regclass('roost.message')`,
    );
    return row === undefined || row.rows < 0 ? undefined : row.rows;
  } catch {
    return undefined;
  }
}

/** The part that is done of an index that is being built, if one is. Nothing is worth failing for here. */
async function indexProgress(connections: Connections): Promise<string | undefined> {
  try {
    const [row]: { part: number | null }[] = await connections.run(
      (sql) => sql`
        SELECT greatest(blocks_done::float8 / nullif(blocks_total, 0), tuples_done::float8 / nullif(tuples_total, 0))
          AS part
        FROM pg_stat_progress_create_index WHERE datname = current_database() LIMIT 1`,
    );
    return row === undefined || row.part === null ? undefined : `${Math.floor(row.part * 100)} %`;
  } catch {
    return undefined;
  }
}
