// Restores a store on PostgreSQL in one transaction: the existing schema is renamed, the archive creates a new one, and
// the transaction commits only if its content matches the backup.
//
// No node may be alive meanwhile, because what it commits just before would be lost. So the transaction checks the
// leases by the database's clock, and ends connections of nodes that only seem to be gone before it commits. Nodes of
// this version that are alive regardless notice that the store was replaced (life.ts); earlier ones would deliver
// messages to wrong accounts, because the restored database gives the account numbers that they have cached to others.

import type { SQL } from "bun";
import { reasonOf } from "../../base/reason-of.ts";
import type { StoreFacts, Present } from "../store-facts.ts";
import { StoreUnavailable } from "../store.ts";
import { readSeal } from "../backup-seal.ts";
import { verifyArchive } from "./backup.ts";
import { placeOf } from "./client.ts";
import { aliveNodes, newerThan, readFacts } from "./facts.ts";
import { versionIn } from "./migrate.ts";
import { findToolPlace } from "./primary/tool-place.ts";
import { type TellSent, whileHeld } from "./primary/while-held.ts";
import { schemaVersion } from "./schema.ts";
import { complaintOf, environmentOf, majorOf, openForLong, toolFor } from "./tools.ts";

interface RestorePlan {
  readonly url: string;
  /** Of several hosts: standbys need not have what is restored. */
  readonly isAsync: boolean;
  readonly path: string;
  readonly name: string;
  readonly over: AbortSignal;
  /** Called with the existing store; throws if it may not be replaced. */
  mayReplace(present: Present, held: StoreFacts | undefined): void;
}

interface RestoredStore {
  readonly held: StoreFacts;
  /** The new name of the old schema, if there was one. */
  readonly aside: string | undefined;
}

/** Restores an archive. Rejects with StoreUnavailable: with Unheld if it is restored on one server only, or perhaps. */
export async function restoreStore(plan: RestorePlan): Promise<RestoredStore> {
  const { path, name } = plan;
  const stop = new AbortController();
  const over = AbortSignal.any([plan.over, stop.signal]);
  const { url, confirm } = await findToolPlace(plan.url, plan.isAsync);
  const sealed = readSeal(path, name)?.facts;
  const env = environmentOf(url);
  const version = await verifyArchive(path, name, env, over);
  if (version > schemaVersion)
    throw new StoreUnavailable(
      `${name} has schema ${version}, and this program knows schemas up to ${schemaVersion}; ` +
        "use the newer program that wrote it",
    );
  const client = openForLong(url);
  const work = async (tellSent: TellSent): Promise<RestoredStore> => {
    const present = await versionIn(client, placeOf(url));
    const major = await majorOf(client);
    if (present !== undefined && present > 0) {
      const alive = await aliveNodes(client);
      if (alive > 0) throw new StoreUnavailable(aliveSentence(alive, placeOf(url)));
      const newer = sealed === undefined ? 0 : await newerThan(client, sealed.lastId);
      plan.mayReplace({ facts: await readFacts(client), newer, failure: undefined }, sealed);
    }
    const aside = present === undefined ? undefined : await freshAside(client);
    const tools = { restore: toolFor("pg_restore", 0), psql: toolFor("psql", major) };
    const scripts = { before: beforeIt(await sameDatabase(client), aside, present), after: afterIt(sealed) };
    await play(tools, path, scripts, tellSent, env, over);
    await confirm?.(client);
    return { held: await readFacts(client), aside };
  };
  try {
    return await whileHeld(url, work);
  } finally {
    stop.abort();
    await client.close({ timeout: 0 });
  }
}

/** Returns an unused name for the old schema: the time, and a number if necessary. */
async function freshAside(client: SQL): Promise<string> {
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const first = `roost_before_restore_${stamp.toLowerCase()}`;
  const rows: { name: string }[] = await client`
    SELECT nspname AS name FROM pg_namespace WHERE starts_with(nspname, ${first})`;
  const taken = new Set(rows.map(({ name }) => name));
  for (let number = 1; ; number++) {
    const aside = number === 1 ? first : `${first}_${number}`;
    if (!taken.has(aside)) return aside;
  }
}

/** Returns a statement for psql that fails unless it is connected to the same database as this program. */
async function sameDatabase(client: SQL): Promise<string> {
  const [row]: { name: string; started: string }[] = await client`
    SELECT quote_literal(current_database()) AS name, extract(epoch FROM pg_postmaster_start_time())::text AS started`;
  return `DO $$ BEGIN IF current_database() <> ${row?.name ?? "''"}
    OR extract(epoch FROM pg_postmaster_start_time())::text <> '${row?.started ?? ""}'
    THEN RAISE EXCEPTION
      'psql reaches another database than this program; look at the variables PG… and at pg_service.conf';
    END IF; END $$;`;
}

function aliveSentence(nodes: number, place: string): string {
  return (
    `${nodes} node${nodes === 1 ? " is" : "s are"} alive on ${place}; stop every chat service that uses it ` +
    "(one that was killed counts for 30 s more)"
  );
}

/** Returns the statements before the archive: locks the tables, checks for nodes, renames the old schema. */
function beforeIt(isSame: string, aside: string | undefined, present: number | undefined): string {
  const lines = [
    "BEGIN;",
    isSame,
    "SET LOCAL lock_timeout = '10s';",
    "SELECT pg_advisory_xact_lock(hashtextextended('roost.migrate', 0));",
  ];
  if (present !== undefined && present > 0) {
    lines.push(
      "LOCK TABLE roost.sequence, roost.node, roost.account, roost.message IN ACCESS EXCLUSIVE MODE;",
      `DO $$ BEGIN IF EXISTS (SELECT FROM roost.node
         WHERE until_ms > floor(extract(epoch FROM clock_timestamp()) * 1000))
       THEN RAISE EXCEPTION 'a node has started meanwhile'; END IF; END $$;`,
    );
  }
  if (aside !== undefined) lines.push(`ALTER SCHEMA roost RENAME TO ${aside};`);
  return `${lines.join("\n")}\n`;
}

/**
 * Returns the statements after the archive: makes the restored store distinct from the one that was backed up (anything
 * else that identifies the life of a store must be renewed here, too), compares the content, and ends connections with
 * caches.
 */
function afterIt(sealed: StoreFacts | undefined): string {
  const lines = [
    "DELETE FROM roost.node;",
    // Schemas 1 and 2 have no identity; the migration adds one.
    `DO $$ BEGIN IF to_regclass('roost.identity') IS NOT NULL
       THEN UPDATE roost.identity SET identity = replace(gen_random_uuid()::text, '-', ''),
         epoch = replace(gen_random_uuid()::text, '-', ''); END IF; END $$;`,
  ];
  if (sealed !== undefined)
    lines.push(
      `DO $$ BEGIN IF (SELECT count(*) FROM roost.message) <> ${sealed.messages}
         OR (SELECT last_id FROM roost.sequence) <> ${BigInt(sealed.lastId)}
       THEN RAISE EXCEPTION 'what was restored is not what was backed up'; END IF; END $$;`,
    );
  lines.push(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND usename = current_user AND application_name = 'roost';`,
    "COMMIT;",
  );
  return `${lines.join("\n")}\n`;
}

/** psql's exit status when a statement has failed, with which the transaction ends: nothing was committed. */
const statementFailed = 3;

/** Pipes the archive to psql between two scripts. COMMIT is sent only after pg_restore has succeeded. */
async function play(
  tools: { readonly restore: string; readonly psql: string },
  path: string,
  { before, after }: { readonly before: string; readonly after: string },
  tellSent: TellSent,
  env: Record<string, string | undefined>,
  over: AbortSignal,
): Promise<void> {
  const psql = Bun.spawn([tools.psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"], {
    env,
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
    signal: over,
  });
  const archive = Bun.spawn([tools.restore, "--no-owner", "--no-privileges", "--file=-", path], {
    env,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    signal: over,
  });
  const [psqlErr, archiveErr] = [new Response(psql.stderr).text(), new Response(archive.stderr).text()];
  let failure: string | undefined;
  try {
    await psql.stdin.write(before);
    let isFirst = true;
    for await (const chunk of archive.stdout) {
      await psql.stdin.write(isFirst ? withoutUnknown(chunk) : chunk);
      isFirst = false;
      await psql.stdin.flush();
    }
    const status = await archive.exited;
    if (status === 0) {
      tellSent(psql.exitCode === null);
      await psql.stdin.write(after);
    } else failure = complaintOf("pg_restore", await archiveErr, status);
    await psql.stdin.end();
  } catch (error) {
    // psql ended before its input: its own message says why.
    failure = reasonOf(error);
    archive.kill();
  }
  const status = await psql.exited;
  if (status === statementFailed) tellSent(false);
  if (status !== 0) throw new StoreUnavailable(complaintOf("psql", await psqlErr, status));
  if (failure !== undefined) throw new StoreUnavailable(failure);
}

/** A setting that pg_restore writes since version 17, and that older servers refuse. No row of data begins like it. */
const unknownSetting = Buffer.from("\nSET transaction_timeout = 0;\n");

function withoutUnknown(chunk: Uint8Array): Uint8Array {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const at = bytes.indexOf(unknownSetting);
  if (at < 0) return chunk;
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + unknownSetting.length - 1)]);
}
