// A database of a test's own, and what the suites of the store ask of it.

import { SQL } from "bun";
import { limitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import type { PostgresServer } from "../../scripts/harness/postgres.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import type { GroupPlace } from "./group-suite.ts";
import type { AheadPlace } from "./ids-ahead-suite.ts";

/** A database of each server that a store has migrated, and nothing else has touched: its name. */
const migratedOf = new WeakMap<PostgresServer, Promise<string>>();

async function makeMigrated(server: PostgresServer): Promise<string> {
  const url = await server.makeDatabase();
  await migrate(url, silentLog);
  return new URL(url).pathname.slice(1);
}

/** Makes a database without content on a server, for one test; a copy is made in half the time of a migration. */
export async function postgresPlace(server: PostgresServer): Promise<AheadPlace & GroupPlace> {
  const migrated = migratedOf.get(server) ?? makeMigrated(server);
  migratedOf.set(server, migrated);
  const url = await server.makeDatabase(`TEMPLATE ${await migrated}`);
  const ask = async <T>(question: (sql: SQL) => Promise<T>): Promise<T> => {
    const sql = new SQL(url, { max: 1 });
    try {
      return await question(sql);
    } finally {
      await sql.close({ timeout: 0 });
    }
  };
  return {
    address: url,
    rows: (table) =>
      ask(async (sql) => {
        const [found]: { count: number }[] = await sql.unsafe(
          `SELECT count(*)::integer AS count FROM roost.${table === "counts" ? "group_count" : table}`,
        );
        return found?.count ?? 0;
      }),
    giveUp: () => ask(async (sql) => void (await sql`UPDATE roost.unfinished_group SET step = -1`)),
    open: (limits) => openPostgresStore({ url, retentionDays: 15, log: silentLog, limits: limitValues(limits) }),
    deleteUpTo: (id) => ask(async (sql) => void (await sql`SELECT roost.delete_slice(0, ${id}, 1000000, null)`)),
    moveWatermark: (app, id) =>
      ask(async (sql) => void (await sql`UPDATE roost.app_data SET watermark_id = ${id} WHERE app = ${app}`)),
    setLastId: async (id) => {
      const sql = new SQL(url, { max: 1 });
      await sql`UPDATE roost.sequence SET last_id = ${id}`;
      await sql.close({ timeout: 0 });
    },
    tidyGroups: () =>
      ask(async (sql) => {
        for (let isMore = true; isMore;) {
          const rows: { more: boolean }[] = await sql`SELECT roost.clean_ended('9:tidy', NULL, 500) AS more`;
          isMore = rows[0]?.more === true;
        }
      }),
    check: async () => (await checkPostgres(url, () => undefined)).problems,
    remove: () => server.dropDatabase(url),
  };
}
