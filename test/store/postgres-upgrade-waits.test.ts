// Who waits for an upgrade of a store on PostgreSQL: writers. Readers do not, and a backup delays the upgrade alone.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { createLog } from "../../src/base/log.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { databaseForEach, makeSchema, postgresForAll } from "./postgres-setup.ts";

describe.skipIf(!hasPostgres)("an upgrade of a PostgreSQL store", () => {
  const db = databaseForEach(postgresForAll());

  /** Makes a store of a schema; returns its tables. */
  const make = async (version: number): Promise<readonly string[]> => {
    const statements = readFileSync(join(import.meta.dir, `postgres-schema-${version}.sql`), "utf8");
    await makeSchema(db.sql, version, statements);
    const tables: [string][] = await db.sql`
      SELECT format('roost.%I', tablename) FROM pg_tables WHERE schemaname = 'roost'`.values();
    return tables.flat();
  };

  /** Locks tables as others who use them do, while `work` runs. */
  const locked = async (tables: readonly string[], mode: string, work: () => Promise<void>): Promise<void> => {
    const other = new SQL(db.url, { max: 1 });
    try {
      await other.begin(async (sql) => {
        await sql.unsafe(`LOCK TABLE ${tables.join(", ")} IN ${mode} MODE`);
        await work();
      });
    } finally {
      await other.close();
    }
  };

  const read = async (tables: readonly string[]): Promise<void> => {
    await db.sql`SET lock_timeout = '1s'`;
    for (const table of tables) await db.sql.unsafe(`SELECT count(*) FROM ${table}`);
  };
  const write = (): Promise<unknown> => db.sql`SELECT * FROM roost.claim('former', '{}', false)`;
  const version = (): Promise<number> => db.number("SELECT max(number) FROM roost.migration");
  const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;

  for (const former of [3, 5, 6, 7]) {
    test(`from schema ${former} lets nobody wait who reads`, async () => {
      const tables = await make(former);
      let opening: Promise<unknown> | undefined;
      // It comes to the accounts last, for their trigger, and waits there for what changes one by hand.
      await locked(["roost.account"], "ROW EXCLUSIVE", async () => {
        opening = db.open();
        opening.catch(() => undefined);
        const waiting = `SELECT count(*) FROM pg_locks
          WHERE NOT granted AND relation = 'roost.account'::regclass AND database = (
            SELECT oid FROM pg_database WHERE datname = current_database())`;
        await until(async () => (await db.number(waiting)) > 0, "the upgrade has come to the accounts");
        await read(tables);
        expect(await version()).toBe(former);
      });
      await opening;
      expect([await version(), await problems()]).toEqual([schemaVersion, []]);
    });

    test(`from schema ${former} waits for a backup, and nobody else does`, async () => {
      const tables = await make(former);
      const lines: string[] = [];
      let opening: Promise<unknown> | undefined;
      await locked(tables, "ACCESS SHARE", async () => {
        opening = db.open({ log: createLog("info", "text", (line) => lines.push(line)) });
        opening.catch(() => undefined);
        await until(() => lines.some((line) => line.includes("waits until a backup")), "the upgrade waits");
        for (let round = 0; round < 20; round++) {
          await read(tables);
          await write();
          await Bun.sleep(30);
        }
        expect(await version()).toBe(former);
      });
      await opening;
      expect([await version(), await problems()]).toEqual([schemaVersion, []]);
    });
  }

  test("that has come to its functions waits for no backup", async () => {
    const tables = await make(7);
    await locked(
      tables.filter((table) => !/entry|chat_group|member|message$/.test(table)),
      "ACCESS SHARE",
      async () => {
        await db.open();
      },
    );
    expect([await version(), await problems()]).toEqual([schemaVersion, []]);
  });
});
