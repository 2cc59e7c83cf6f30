// Lock files: SQLite databases without content, whose locks the kernel releases after kill -9. A user who can read one
// can lock it and keep the server from starting, so only its owner can open it, whatever the umask.

import { Database, SQLiteError } from "bun:sqlite";
import { chmodSync, closeSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { kindOf } from "./file-kind.ts";
import { giveToOwnerOf } from "./owner.ts";

const ownerOnly = 0o600;

/** What is wrong with a lock file, if that is why SQLite could not lock it: it has content, of whatever program. */
export function faultOfContent(error: unknown): string | undefined {
  const isForeign = error instanceof SQLiteError && /^SQLITE_(?:NOTADB|CORRUPT)/.test(error.code ?? "");
  return isForeign ? "it is no lock file, since something else was written into it; move it away" : undefined;
}

/**
 * Opens a lock file, and creates it if none exists. Sets its mode to 0600: earlier versions left it to the umask.
 * Throws SQLite's or the system's error, and one if something else than a file is there. The caller closes the
 * database, which releases the lock.
 */
export function openLockFile(path: string): Database {
  const stats = statSync(path, { throwIfNoEntry: false });
  // Opening and closing an existing file would release a lock that this process has on it.
  if (stats === undefined) {
    closeSync(openSync(path, "a", ownerOnly));
    giveToOwnerOf(dirname(path), path);
  } else if (!stats.isFile()) {
    // SQLite would wait at a pipe without end.
    throw new Error(`${path} is a ${kindOf(stats)} and no lock file; move it away`);
  } else if ((stats.mode & 0o777) !== ownerOnly && stats.uid === process.geteuid?.()) {
    chmodSync(path, ownerOnly);
  }
  return new Database(path);
}
