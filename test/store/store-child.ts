// A process for tests: appends to the store at argv[2] (a file, or a URL of PostgreSQL) and prints each acknowledged
// id, until it is killed or has printed argv[3] of them. A file is flushed into runs of argv[4] messages.

import { createLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { flushMessagesDefault } from "../../src/store/sqlite/index/posting.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { StoreUnavailable, type TalkOutcome } from "../../src/store/store.ts";
import { stored, talk } from "./samples.ts";

const [, , path = "", count = "1000000000", flushMessages = `${flushMessagesDefault}`] = process.argv;
const shared = { retentionDays: 15, log: createLog("info", "text", (line) => process.stderr.write(line)) };
const store = path.startsWith("postgres://")
  ? await openPostgresStore({ ...shared, url: path })
  : await openSqliteStore({ ...shared, path, flushMessages: Number(flushMessages) });
const total = Number(count);
let asked = 0;

/** Tries again what was refused. */
async function appendAtLast(): Promise<readonly TalkOutcome[]> {
  for (;;) {
    try {
      return await store.append([talk({ sender: `sender-${process.pid}` })]);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
      await Bun.sleep(50);
    }
  }
}

async function appendOneByOne(): Promise<void> {
  while (asked < total) {
    asked++;
    const [outcome] = await appendAtLast();
    process.stdout.write(`${stored(outcome).messageId}\n`);
  }
}

await Promise.all(Array.from({ length: 20 }, appendOneByOne));
// Idle, until it is killed.
if (process.argv[5] === "stay") await Bun.sleep(600_000);
await store.close();
