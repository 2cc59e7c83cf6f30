// Nothing but an import is written: the index has to follow it all the same.

import { Database } from "bun:sqlite";
import { test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { until } from "../../scripts/harness/until.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("import-index-");
const perPage = 500;
const pages = 6;

test("the messages of an import are moved into runs of the index, though nobody talks", async () => {
  const path = freshPath();
  const store = await openSqliteStore({ path, retentionDays: 0, log: silentLog, flushMessages: 1_000 });
  try {
    let cursor = "";
    for (let page = 0; page < pages; page++) {
      const records = Array.from({ length: perPage }, (_, at) => ({
        message: { sender: "ann", account: "bob", body: "text", sendTime: `${page * perPage + at + 1}` },
      }));
      const outcome = await store.backEnd.data.import({ app: "app", name: "move", cursor, records, isLast: false });
      if (outcome.result !== "stored") throw new Error(`the page was not stored: ${outcome.result}`);
      ({ cursor } = outcome);
    }
    const index = new Database(path.replace(/\.db$/, "-index-3.db"), { readonly: true });
    const flushed = index.prepare<{ messages: number | null }, []>("SELECT sum(messages) AS messages FROM run");
    await until(() => flushed.get()?.messages === perPage * pages, "all are in runs");
    index.close();
  } finally {
    await store.close();
  }
});
