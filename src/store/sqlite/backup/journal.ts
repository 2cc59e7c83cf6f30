// A rollback journal that a process which was killed has left beside a database: part of its transaction is in the file, and
// has to be undone before anybody reads. SQLite does that whenever a file is opened to write, and only then: a connection that
// only reads is refused, or reads what is half done if it takes no locks.

import { Database, SQLiteError } from "bun:sqlite";
import { statSync } from "node:fs";
import { isDamage } from "../damage.ts";
import { Refusal } from "../refusal.ts";

/** Reports whether a journal with content lies beside the database. */
export function hasJournal(path: string): boolean {
  return (statSync(`${path}-journal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/**
 * Undoes what a process that was killed has left half done in the database, if there is anything. A transaction that is going
 * on is left alone. Throws Refusal where the file cannot be written.
 */
export function rollBackJournal(path: string): void {
  if (!hasJournal(path)) return;
  let db: Database | undefined;
  try {
    db = new Database(path, { readwrite: true, create: false });
    db.run("PRAGMA busy_timeout = 5000");
    db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get();
  } catch (error) {
    // Whoever reads the file finds that out, and says it.
    if (isDamage(error)) return;
    if (!(error instanceof SQLiteError && /^SQLITE_(READONLY|CANTOPEN|IOERR|FULL|PERM)/.test(error.code ?? "")))
      throw error;
    throw new Refusal(
      `${path}-journal holds a transaction that was cut off in ${path}, and it cannot be undone: ${error.message}. ` +
        "Make the file and its folder writable, or copy both files to where they can be written",
      { cause: error },
    );
  } finally {
    db?.close();
  }
}
