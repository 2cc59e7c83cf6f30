// A store whose tables vanish while a process looks at them: a dump is being restored.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { silentLog } from "../../src/base/log.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { migrate, migrateReplacement } from "../../src/store/postgres/migrate.ts";

describe.skipIf(!hasPostgres)("tables that vanish between two statements", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.stop());

  test.each(["roost.migration", "roost.sequence"])("%s is missed as in a store that is not complete", async (table) => {
    const url = await server.makeDatabase();
    await migrate(url, silentLog);
    const restoring = new SQL(url, { max: 2 });
    let looked: Promise<unknown> = Promise.resolve();
    await restoring.begin(async (sql) => {
      await sql.unsafe(`DROP TABLE ${table} CASCADE`);
      // The table is there until this commits, and whoever reads it waits.
      looked = migrateReplacement(url, silentLog).catch((error: unknown) => error);
      await until(async () => {
        const [row] = await restoring`SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted`;
        return row.count > 0;
      }, "it waits for the table");
    });
    expect(String(await looked)).toContain("If it is not being restored now");
    await restoring.close();
  });
});
