// Writes the kept stores and what they answer into this folder, with the store of the program at hand:
//
//   bun test/store/kept/write-stores.ts
//
// Needs PostgreSQL and pg_dump; format the answers afterwards. A kept store belongs to a released schema and never
// changes: write others, with names of their own, for a new schema.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Database } from "bun:sqlite";
import { PostgresServer } from "../../../scripts/harness/postgres.ts";
import { until } from "../../../scripts/harness/until.ts";
import { silentLog } from "../../../src/base/log.ts";
import { openPostgresStore } from "../../../src/store/postgres/open-postgres-store.ts";
import { indexPathOf } from "../../../src/store/sqlite/index/index-file.ts";
import { openSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { answersOf } from "./answers.ts";
import { writeContent } from "./content.ts";
import { postgresDump, sqliteFiles, type KeptStore } from "./kept-stores.ts";

/** So that a few messages make several runs. */
const flushMessages = 16;
const retentionDays = 0;

async function keep(open: () => Promise<Store>, kept: KeptStore, pause = async () => {}): Promise<void> {
  const writing = await open();
  await writeContent(writing, pause);
  await writing.close();
  const reading = await open();
  const answers = await answersOf(reading);
  await reading.close();
  await Bun.write(kept.answersPath, `${JSON.stringify(answers, undefined, 2)}\n`);
}

async function keepSqlite(folder: string): Promise<void> {
  const path = join(folder, "messages.db");
  let runs = 0;
  const flushed = async (): Promise<void> => {
    await until(() => {
      const index = new Database(indexPathOf(path), { readonly: true });
      const [[count = 0] = []] = index.query<unknown, []>("SELECT last_run FROM state").values();
      index.close();
      return Number(count) > runs;
    }, "the index has another run");
    runs++;
  };
  await keep(() => openSqliteStore({ path, retentionDays, log: silentLog, flushMessages }), sqliteFiles, flushed);
  for (const { name, keptPath } of sqliteFiles.files)
    await Bun.write(keptPath, Bun.zstdCompressSync(readFileSync(join(folder, name)), { level: 19 }));
}

async function keepPostgres(): Promise<void> {
  const server = await PostgresServer.start();
  try {
    const url = await server.makeDatabase();
    await keep(() => openPostgresStore({ url, retentionDays, log: silentLog }), postgresDump);
    const dump = Bun.spawnSync(["pg_dump", "--no-owner", url], { stderr: "inherit" });
    if (dump.exitCode !== 0) throw new Error("pg_dump failed");
    await Bun.write(postgresDump.dumpPath, dump.stdout);
  } finally {
    await server.stop();
  }
}

const folder = mkdtempSync(join(tmpdir(), "roost-kept-"));
try {
  await keepSqlite(folder);
  await keepPostgres();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
