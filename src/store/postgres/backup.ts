// Backs up a store on PostgreSQL: pg_dump's archive of the schema roost, from one snapshot, from which the facts are
// read, too. The archive is read back and sealed.

import { StoreUnavailable } from "../store.ts";
import { seal } from "../backup-seal.ts";
import type { StoreFacts } from "../store-facts.ts";
import { placeOf } from "./client.ts";
import { failureOf } from "./failures.ts";
import { readFacts } from "./facts.ts";
import { versionIn } from "./migrate.ts";
import { primaryUrl } from "./primary/tool-place.ts";
import { environmentOf, majorOf, openForLong, runTool, toolFor } from "./tools.ts";

const tables = ["account", "chat_group", "cursor", "member", "message", "migration", "node", "sequence"];
/** Those that a later schema has added. */
const laterTables = [
  { from: 10, tables: ["node_last"] },
  {
    from: 9,
    tables: [
      "api_key",
      "app_data",
      "ban",
      "erased_sender",
      "hook",
      "hook_batch",
      "hook_lease",
      "import",
      "import_id",
      "import_speaker",
      "media",
      "media_use",
      "operation",
    ],
  },
  { from: 8, tables: ["block", "consent", "guard", "invitation", "join_request", "pin", "profile", "seen"] },
  {
    from: 6,
    tables: ["conversation", "entry", "hidden", "mention", "reaction", "reaction_count", "read_cursor", "reply"],
  },
] as const;

/** Dumps the store to the empty file `to`. Rejects with StoreUnavailable. Aborting `over` also ends the child. */
export async function dumpStore(
  hosts: string,
  to: string,
  over: AbortSignal,
  began: (phase: "copying" | "verifying") => void,
): Promise<StoreFacts> {
  const url = await primaryUrl(hosts);
  const client = openForLong(url);
  try {
    const env = environmentOf(url);
    const facts = await client.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY", async (sql) => {
      const version = await versionIn(sql, placeOf(url));
      if (version === undefined || version === 0) throw new StoreUnavailable(`${placeOf(url)} contains no roost store`);
      const tool = toolFor("pg_dump", await majorOf(sql));
      const [row]: { snapshot: string }[] = await sql`SELECT pg_export_snapshot() AS snapshot`;
      began("copying");
      const words = ["--format=custom", "--schema=roost", "--no-owner", "--no-privileges"];
      await runTool([tool, ...words, `--snapshot=${row?.snapshot}`, `--file=${to}`], env, over);
      return readFacts(sql);
    });
    began("verifying");
    await verifyArchive(to, "the dump", env, over);
    seal(to, facts);
    return facts;
  } catch (error) {
    throw failureOf(error);
  } finally {
    await client.close({ timeout: 0 });
  }
}

/** Verifies that an archive is readable and complete; returns its version. Rejects with StoreUnavailable. */
export async function verifyArchive(
  path: string,
  name: string,
  env: Record<string, string | undefined>,
  over: AbortSignal,
): Promise<number> {
  const tool = toolFor("pg_restore", 0);
  let list: string;
  let migrations: string;
  try {
    list = await runTool([tool, "--list", path], env, over);
    await runTool([tool, "--file=/dev/null", path], env, over);
    migrations = await runTool(
      [tool, "--data-only", "--schema=roost", "--table=migration", "--file=-", path],
      env,
      over,
    );
  } catch (error) {
    throw new StoreUnavailable(`${name} is not a backup of a store on PostgreSQL, or is damaged: ${String(error)}`, {
      cause: error,
    });
  }
  const version = Math.max(0, ...[...migrations.matchAll(/^(\d+)\t/gm)].map(([, digits]) => Number(digits)));
  const expected = [...tables, ...laterTables.flatMap((later) => (version >= later.from ? later.tables : []))];
  const missing = expected.filter((table) => !new RegExp(` TABLE DATA roost ${table} `).test(list));
  if (missing.length > 0)
    throw new StoreUnavailable(`${name} is not a complete store of roost: ${missing.join(", ")} missing`);
  return version;
}
