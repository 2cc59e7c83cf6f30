// A process for tests: opens the store at argv[2] (a file, or a URL of PostgreSQL), does the writes that its parent
// sends, all at once, and answers each, until it is killed.

import { limitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { type DoneWrite, send, type Write } from "./conversation-write.ts";

/** A write of one of several apps. */
export interface AskedWrite {
  readonly app: string;
  readonly write: Write;
}
/** Ready, or the answer to the write of an app. */
export type ChildAnswer = "ready" | { readonly app: string; readonly done: DoneWrite };

if (import.meta.main) {
  const path = process.argv[2] ?? "";
  const shared = { retentionDays: 15, log: silentLog, limits: limitValues() };
  const store = path.startsWith("postgres://")
    ? await openPostgresStore({ ...shared, url: path })
    : await openSqliteStore({ ...shared, path, flushMessages: 20 });
  const answer = (told: ChildAnswer): void => void process.send?.(told);
  process.on("message", ({ app, write }: AskedWrite) => {
    void send(store, app, write).then((done) => answer({ app, done }));
  });
  answer("ready");
}
