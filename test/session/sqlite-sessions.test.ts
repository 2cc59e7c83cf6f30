import { Database } from "bun:sqlite";
import { limitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import type { SessionLimits } from "../../src/session/sessions.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { sessionsSuite } from "./sessions-suite.ts";
import { sharedSessionsSuite, type SharedEngine } from "./shared-sessions-suite.ts";

const freshPath = temporaryPaths("roost-sessions-");

/** Changes a file that is in use. */
function change(path: string, statement: string): void {
  const db = new Database(path);
  db.run("PRAGMA busy_timeout = 2000");
  db.run(statement);
  db.close();
}

function fileEngine(limits: SessionLimits = limitValues()): SharedEngine {
  const path = freshPath();
  return {
    open: async () => await openSqliteSessions({ path, log: silentLog, limits }),
    remove: () => Promise.resolve(),
    elapse: async (ms) => change(path, `UPDATE state SET clock_ms = clock_ms + ${ms}`),
    standStill: async (ms) => change(path, `UPDATE state SET ticked_ms = ticked_ms - ${ms}`),
    cutLog: async () => change(path, "DELETE FROM change WHERE sequence < (SELECT sequence FROM state)"),
  };
}

sessionsSuite("sessions in an SQLite file", async (limits) => fileEngine(limits));
sharedSessionsSuite("sessions in an SQLite file, shared", async (limits) => fileEngine(limits));
