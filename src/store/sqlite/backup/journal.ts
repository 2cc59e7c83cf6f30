// Rolls back a rollback journal that a killed process left beside a database: the file has a part of its transaction.
// SQLite
// does that only when a file is opened for writing; a read-only connection fails, or reads partial data without locks.

import { Database, SQLiteError } from "bun:sqlite";
import { statSync } from "node:fs";
import { isDamage } from "../damage.ts";
import { Refusal } from "../refusal.ts";

export function hasJournal(path: string): boolean {
  return (statSync(`${path}-journal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/**
 * Rolls back the transaction of a killed process, if any; leaves a running transaction alone. Throws Refusal if the
 * file cannot be written.
 */
export function rollBackJournal(path: string): void {
  if (!hasJournal(path)) return;
  try {
    using db = new Database(path, { readwrite: true, create: false });
    db.run("PRAGMA busy_timeout = 5000");
    db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get();
  } catch (error) {
    // Readers of the file report damage.
    if (isDamage(error)) return;
    if (!(error instanceof SQLiteError && /^SQLITE_(READONLY|CANTOPEN|IOERR|FULL|PERM)/.test(error.code ?? "")))
      throw error;
    throw new Refusal(
      `${path}-journal has an interrupted transaction of ${path} that cannot be rolled back: ${error.message}. ` +
        "Make the file and its folder writable, or copy both files to a writable folder",
      { cause: error },
    );
  }
}
