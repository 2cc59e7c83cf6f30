// A store of a test's own in a file, and what the suites of the store ask of it.

import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { limitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { EndedGroups } from "../../src/store/sqlite/groups/ended-groups.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { GroupPlace } from "./group-suite.ts";
import type { AheadPlace } from "./ids-ahead-suite.ts";

const tables = { account: "account", member: "member", counts: "group_count" } as const;

/** A store at this path, which nothing else uses; `flushMessages` as in SqliteStoreOptions. */
export function sqlitePlace(path: string, flushMessages: number): AheadPlace & GroupPlace {
  return {
    open: (limits) =>
      openSqliteStore({ path, retentionDays: 15, log: silentLog, flushMessages, limits: limitValues(limits) }),
    setLastId: async (id) => {
      const db = new Database(path);
      db.run("PRAGMA busy_timeout = 5000");
      db.run("UPDATE sequence SET last_id = ?", [id]);
      db.close();
    },
    address: path,
    rows: async (table) => {
      const db = new Database(path, { readonly: true });
      const found = db.query<{ count: number }, []>(`SELECT count(*) AS count FROM ${tables[table]}`).get();
      db.close();
      return found?.count ?? 0;
    },
    giveUp: async () => {
      const db = new Database(path);
      db.run("PRAGMA busy_timeout = 5000");
      db.run("UPDATE unfinished SET step = -1");
      db.close();
    },
    deleteUpTo: async (id) => {
      const db = new Database(path);
      db.run("PRAGMA busy_timeout = 5000");
      db.run("DELETE FROM message WHERE id <= ?", [id]);
      db.close();
    },
    moveWatermark: async (app, id) => {
      const db = new Database(path);
      db.run("PRAGMA busy_timeout = 5000");
      db.run("UPDATE app_data SET watermark_id = ? WHERE app = ?", [id, app]);
      // Writers notice by the version (bulk/app-clips.ts).
      db.run("UPDATE sequence SET guard_id = last_id");
      db.close();
    },
    tidyGroups: async () => {
      const db = new Database(path, { safeIntegers: true });
      db.run("PRAGMA busy_timeout = 5000");
      const ended = new EndedGroups(db);
      while (ended.isDue) db.transaction(() => ended.clean()).immediate();
      db.close();
    },
    check: async () => {
      const { logProblems, indexProblems, reads } = checkStore(path, () => undefined);
      return [...logProblems, ...indexProblems, ...reads.problems];
    },
    remove: async () => {
      for (const file of [path, indexPathOf(path)]) {
        for (const end of ["", "-wal", "-shm"]) rmSync(file + end, { force: true });
      }
    },
  };
}
