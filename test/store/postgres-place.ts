// A database of a test's own, and what the suites of the store ask of it.

import { SQL } from "bun";
import { limitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import type { PostgresServer } from "../../scripts/harness/postgres.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import type { GroupPlace } from "./group-suite.ts";
import type { AheadPlace } from "./ids-ahead-suite.ts";

/** Makes an empty database on a server, for one test. */
export async function postgresPlace(server: PostgresServer): Promise<AheadPlace & GroupPlace> {
  const url = await server.makeDatabase();
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
    setLastId: async (id) => {
      const sql = new SQL(url, { max: 1 });
      await sql`UPDATE roost.sequence SET last_id = ${id}`;
      await sql.close({ timeout: 0 });
    },
    remove: () => server.dropDatabase(url),
  };
}
