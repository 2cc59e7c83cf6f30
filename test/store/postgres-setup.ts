// A PostgreSQL server for the tests of a file, and a database for each of them.

import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { SQL } from "bun";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import type { PostgresStoreOptions } from "../../src/store/postgres/postgres-store.ts";
import { migrations } from "../../src/store/postgres/schema.ts";
import type { Store } from "../../src/store/store.ts";
import { PostgresServer } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";

/** Starts a server before the tests of a `describe` block and stops it after them; gives it once it runs. */
export function postgresForAll(): () => PostgresServer {
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 180_000);
  afterAll(() => server?.stop());
  return () => {
    if (server === undefined) throw new Error("PostgreSQL runs while tests do, not while they are defined");
    return server;
  };
}

/** The database of the test that runs. */
export interface TestDatabase {
  readonly url: string;
  /** An operator's connection. */
  readonly sql: SQL;
  /** What the end of the test closes before it drops the database. */
  readonly opened: { close(): Promise<void> }[];
  /** Opens a store in it, silently and with a retention of 15 days. */
  readonly open: (change?: Partial<PostgresStoreOptions>) => Promise<Store>;
  /** The number that a query gives in its first row and column. */
  readonly number: (query: string) => Promise<number>;
  /** By what stores tell that the database was replaced; empty if there is none. */
  readonly life: () => Promise<string>;
}

/** Makes an empty database on the server for each test of a `describe` block, and drops it after the test. */
export function databaseForEach(server: () => PostgresServer): TestDatabase {
  let url = "";
  let sql: SQL;
  const opened: { close(): Promise<void> }[] = [];
  beforeEach(async () => {
    url = await server().makeDatabase();
    sql = new SQL(url, { max: 1, bigint: true });
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
    await sql.close({ timeout: 0 });
    await server().dropDatabase(url);
  });
  return {
    get url() {
      return url;
    },
    get sql() {
      return sql;
    },
    opened,
    open: async (change = {}) => {
      const store = await openPostgresStore({ url, retentionDays: 15, log: silentLog, ...change });
      opened.push(store);
      return store;
    },
    number: async (query) => {
      const rows: [bigint | number][] = await sql.unsafe(query).values();
      return Number(rows[0]?.[0]);
    },
    life: async () => {
      const [row]: { life: string }[] = await sql`SELECT roost.life() AS life`;
      return row?.life ?? "";
    },
  };
}

/** The tables that a store has read from end to end; call after all its connections were closed. */
export async function scannedTables({ sql }: TestDatabase): Promise<readonly string[]> {
  // What a connection counted is seen when it has ended.
  await until(async () => {
    const others = await sql`SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;
    return others.count === 0;
  }, "the store's connections have ended");
  // Each index was built by a scan, and these tables are read by a migration.
  const scanned: [string][] = await sql`
    SELECT relname FROM pg_stat_user_tables
    WHERE schemaname = 'roost' AND relname NOT IN (
      'sequence', 'look', 'migration', 'identity', 'unfinished_group')
      AND seq_scan > (SELECT count(*) FROM pg_index WHERE indrelid = relid)
        + (relname IN ('group_count', 'message'))::integer`.values();
  return scanned.flat();
}

/** Puts the tables of an earlier schema into an empty database, as its programs left them. */
export async function makeSchema(sql: SQL, version: number, statements: string): Promise<void> {
  await sql.unsafe(`CREATE SCHEMA roost; ${statements}`);
  await sql`CREATE TABLE roost.migration (number integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`;
  await sql`INSERT INTO roost.migration (number) SELECT generate_series(1, ${version}::integer)`;
}

/** The columns, indexes and options of the tables of a store. */
async function tablesIn(sql: SQL): Promise<readonly string[]> {
  const rows: [string][] = await sql`
    SELECT format('%s.%s: %s', table_name, ordinal_position, row_to_json(c)) FROM (
      SELECT table_name, ordinal_position, column_name, data_type, is_nullable, column_default, collation_name,
        is_identity
      FROM information_schema.columns WHERE table_schema = 'roost'
    ) c
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'roost'
    UNION ALL SELECT format('%s: %s', relname, reloptions) FROM pg_class WHERE relnamespace = 'roost'::regnamespace
    UNION ALL SELECT format('%s: %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
      WHERE connamespace = 'roost'::regnamespace
    ORDER BY 1`.values();
  return rows.flat();
}

/** Compares the tables that an earlier schema left in a database with those that its migrations make now. */
export async function expectSameTables({ sql }: TestDatabase, version: number): Promise<void> {
  const released = await tablesIn(sql);
  await sql.unsafe("DROP SCHEMA roost CASCADE");
  await makeSchema(sql, version, migrations.slice(0, version).join("\n"));
  expect(await tablesIn(sql)).toEqual(released);
}
