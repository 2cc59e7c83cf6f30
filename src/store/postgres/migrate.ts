// Migrates the database to the newest schema, under a lock that all processes use, and refuses what it must not touch.
// Its connection has no time limit, for a migration of a large store may take long; but a server that hangs is left.

import { SQL } from "bun";
import type { Log } from "../../base/log.ts";
import { StoreUnavailable } from "../store.ts";
import { addedColumns, type AddedColumns, addition } from "./added-columns.ts";
import { openClient, placeOf } from "./client.ts";
import { Connections } from "./connection.ts";
import { failureOf, StoreReplaced } from "./failures.ts";
import { withProgress } from "./migration-progress.ts";
import { accountTrigger } from "./life.ts";
import { functions, migrations, schemaVersion } from "./schema.ts";
import { whileAnswering } from "./while-answering.ts";

/** The functions' bodies need 14; tested with 15. */
const serverVersionMin = 14;
/** Others wait this long for each try to add columns, and what they use of the table may be over after the pause. */
const alterMsMax = 200;
const alterPauseMs = 500;
/** SQLSTATE lock_not_available. */
const lockedState = "55P03";

interface State {
  readonly server_version: number;
  readonly encoding: string;
  readonly has_schema: boolean;
  readonly has_table: boolean;
  readonly relations: bigint;
}

/**
 * The schema roost holds tables and none of versions: another program's, or a part of a dump that is being restored.
 */
class ForeignSchema extends StoreUnavailable {}

/** Returns the schema version of the store in a database; undefined without a schema. Rejects with StoreUnavailable. */
export async function versionIn(sql: SQL, place: string): Promise<number | undefined> {
  // A single statement on tables only: another process may create the store between two, and to_regclass and the like
  // use a snapshot of their own.
  const [state]: State[] = await sql`
    WITH relation AS (
      SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'roost'
    )
    SELECT current_setting('server_version_num')::integer / 10000 AS server_version,
      current_setting('server_encoding') AS encoding,
      EXISTS (SELECT FROM pg_namespace WHERE nspname = 'roost') AS has_schema,
      EXISTS (SELECT FROM relation WHERE relname = 'migration') AS has_table,
      (SELECT count(*) FROM relation) AS relations`;
  if (state === undefined || state.server_version < serverVersionMin) {
    throw new StoreUnavailable(
      `it is PostgreSQL ${state?.server_version}; the store needs ${serverVersionMin} or newer`,
    );
  }
  if (state.encoding !== "UTF8") {
    throw new StoreUnavailable(`its encoding is ${state.encoding}; create the database with ENCODING 'UTF8'`);
  }
  if (!state.has_table) {
    if (state.relations > 0n) {
      throw new ForeignSchema("its schema roost is another program's; give another database to the store");
    }
    return state.has_schema ? 0 : undefined;
  }
  const [last]: { number: number }[] = await sql`SELECT coalesce(max(number), 0) AS number FROM roost.migration`;
  const version = last?.number ?? 0;
  if (version > schemaVersion) {
    throw new StoreUnavailable(
      `the store ${place} has schema ${version}, and this program knows schemas up to ${schemaVersion}; ` +
        "start the newer program that wrote it, or give another database",
    );
  }
  return version;
}

/** Rejects with StoreUnavailable unless the database has a store of this program's schema; changes nothing. */
export async function requireCurrent(url: string): Promise<void> {
  const version = await quickVersion(url).catch((error: unknown) => {
    if (!(error instanceof StoreUnavailable)) throw error;
    throw new StoreUnavailable(`the message store ${placeOf(url)} cannot be opened: ${error.message}`, {
      cause: error,
    });
  });
  if (version === undefined || version === 0) {
    throw new StoreUnavailable(`there is no message store in ${placeOf(url)}; name the right one with --store`);
  }
  if (version === schemaVersion) return;
  throw new StoreUnavailable(
    `the store ${placeOf(url)} has schema ${version}, and this program needs ${schemaVersion}; ` +
      "start its server once with this program, which migrates it",
  );
}

/** What a start would find in a database. */
interface Found {
  /** Undefined or 0: no store yet. */
  readonly version: number | undefined;
  /** The database's clock, in milliseconds since 1970. */
  readonly clockMs: number;
  /** It accepts no writes: it follows another one. */
  readonly isStandby: boolean;
  /** The user may create the store's schema. */
  readonly mayCreate: boolean;
}

/** Looks at a database without changing it. Rejects with StoreUnavailable if a start would refuse it, or it is away. */
export function lookAtDatabase(url: string): Promise<Found> {
  return quickly(url, async (sql) => {
    const version = await versionIn(sql, placeOf(url));
    const [state]: { clock_ms: number; is_standby: boolean; may_create: boolean }[] = await sql`
      SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS clock_ms, pg_is_in_recovery() AS is_standby,
        has_database_privilege(current_database(), 'CREATE') AS may_create`;
    if (state === undefined) throw new StoreUnavailable("the database does not report its state");
    return { version, clockMs: state.clock_ms, isStandby: state.is_standby, mayCreate: state.may_create };
  });
}

/** Uses a time limit and no lock. */
function quickVersion(url: string): Promise<number | undefined> {
  return quickly(url, (sql) => versionIn(sql, placeOf(url)));
}

async function quickly<T>(url: string, look: (sql: SQL) => Promise<T>): Promise<T> {
  const connections = new Connections({ url, connectionsMax: 1, idleSecondsMax: 0 });
  try {
    return await connections.run(look);
  } finally {
    await connections.close();
  }
}

/**
 * Migrates a store of an earlier version that replaced the open one. Does not create a store: a missing one may be
 * about to be restored. Rejects with StoreUnavailable.
 */
export async function migrateReplacement(url: string, log: Log): Promise<void> {
  const place = placeOf(url);
  const version = await quickly(url, async (sql) => {
    const found = await versionIn(sql, place).catch((error: unknown) => {
      if (error instanceof ForeignSchema) return undefined;
      throw error;
    });
    return found === undefined || found === 0 || !(await isComplete(sql)) ? undefined : found;
  }).catch((error: unknown) => {
    // A table that was there for one statement was dropped before the next.
    if (error instanceof StoreReplaced) return undefined;
    throw error;
  });
  if (version === undefined) {
    throw new StoreUnavailable(
      `no message store is in ${place} any more, or one that is not complete. If it is not being restored now, ` +
        "restore it; or start this process again to begin with an empty one",
    );
  }
  await migrate(url, log);
}

/** Reports whether a restore is complete: a dump creates indexes last, and triggers after them. */
async function isComplete(sql: SQL): Promise<boolean> {
  const [state]: { is_complete: boolean }[] = await sql`
    SELECT to_regclass('roost.member_past') IS NOT NULL AND to_regclass('roost.message_sent') IS NOT NULL
      AND EXISTS (SELECT FROM roost.sequence) AS is_complete`;
  return state?.is_complete === true;
}

/** Reports whether the triggers on accounts and members exist: tables that were restored one by one lack them. */
async function hasTriggers(sql: SQL): Promise<boolean> {
  const found = await sql`
    SELECT FROM pg_trigger WHERE (tgrelid = to_regclass('roost.account') AND tgname = ${accountTrigger})
      OR (tgrelid = to_regclass('roost.member') AND tgname IN ('member_entered', 'member_changed', 'member_left'))`;
  return found.length === 4;
}

/**
 * Migrates the store, and logs how far it is. Rejects with StoreUnavailable if the database is away, another program's,
 * or newer than this program.
 */
export async function migrate(url: string, log: Log, progressEveryMs = 10_000): Promise<void> {
  const place = placeOf(url);
  // Checked before locking: a current store must not wait.
  const found = await quickly(url, async (sql) => {
    const version = (await versionIn(sql, place)) ?? 0;
    return { version, isCurrent: version === schemaVersion && ((await hasTriggers(sql)) || !(await isComplete(sql))) };
  });
  if (found.isCurrent) return;
  if (found.version === 0 || found.version === schemaVersion) return migrateNow(url, [], log);
  await withProgress(url, { from: found.version, to: schemaVersion }, log, progressEveryMs, () =>
    migrateNow(url, addedColumns, log),
  );
}

/** `columns`: what is added first. */
async function migrateNow(url: string, columns: readonly AddedColumns[], log: Log): Promise<void> {
  const options = { url, connectionsMax: 1, idleSecondsMax: 0 };
  const place = placeOf(url);
  const client = openClient(options, { statement_timeout: "0", lock_timeout: "0" });
  const work = async (): Promise<void> => {
    for (const added of columns) await addColumns(client, added, log);
    await client.begin(async (sql) => {
      await sql`SELECT pg_advisory_xact_lock(hashtextextended('roost.migrate', 0))`;
      const version = await versionIn(sql, place);
      if (version === undefined) await sql`CREATE SCHEMA roost`;
      if (version === undefined || version === 0) {
        await sql`CREATE TABLE IF NOT EXISTS roost.migration (
          number integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`;
      }
      const first = (version ?? 0) + 1;
      for (let number = first; number <= schemaVersion; number++) {
        await sql.unsafe(migrations[number - 1] ?? "");
        await sql`INSERT INTO roost.migration (number) VALUES (${number})`;
      }
      // Another process may have migrated it in the meantime.
      if (first <= schemaVersion || !(await hasTriggers(sql))) await sql.unsafe(functions);
    });
  };
  try {
    await whileAnswering(url, work());
  } catch (error) {
    throw failureOf(error);
  } finally {
    await client.close({ timeout: 0 });
  }
}

/** Adds columns to a table as soon as nobody uses it; until then others use it as before. */
async function addColumns(client: SQL, added: AddedColumns, log: Log): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await client.begin(async (sql) => {
        await sql.unsafe(`SET LOCAL lock_timeout = '${alterMsMax}ms'`);
        await sql.unsafe(addition(added));
      });
      return;
    } catch (error) {
      if (!(error instanceof SQL.PostgresError) || error.errno !== lockedState) throw error;
    }
    if (tries === 2) {
      const { table } = added;
      log.info("The migration waits until a backup, or another long query, has read a table.", { table });
    }
    await Bun.sleep(alterPauseMs);
  }
}
