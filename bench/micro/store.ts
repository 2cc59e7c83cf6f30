// Commits of talks in batches, through the store's threads and down to the disk (`synchronous=FULL`).

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Talk } from "../../src/store/store.ts";
import type { Topic } from "./case.ts";
import { app, text } from "./sample.ts";

const accounts = 10_000;

export async function storeTopic(): Promise<Topic> {
  const folder = mkdtempSync(join(tmpdir(), "roost-micro-store-"));
  const store = await openSqliteStore({ path: join(folder, "store.db"), retentionDays: 15, log: silentLog });
  let turn = 0;
  const talk = (): Talk => {
    turn++;
    return {
      app,
      sender: `sender-${turn % 50}`,
      toGroup: false,
      dest: `receiver-${(turn * 7919) % accounts}`,
      type: 1,
      body: text,
      extra: "",
      clientId: `micro-${turn}`,
    };
  };
  return {
    cases: [1, 50, 500].map((talks) => ({
      name: `store/SQLite, a commit of ${talks} ${talks === 1 ? "talk" : "talks"}`,
      run: () => store.append(Array.from({ length: talks }, talk)),
    })),
    close: async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
