// Files that processes lock: SQLite databases without content, whose locks the kernel gives back after kill -9. Whoever can
// read one can lock it and keep the server from starting, so each is its owner's alone, whatever the umask is.

import { Database } from "bun:sqlite";
import { chmodSync, closeSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { giveToOwnerOf } from "./owner.ts";

const ownerOnly = 0o600;

/**
 * Opens a lock file, and creates it if none exists. Its mode becomes 0600; earlier versions left it to the umask. Throws
 * what SQLite or the system says. The caller closes it, and with it the lock.
 */
export function openLockFile(path: string): Database {
  const stats = statSync(path, { throwIfNoEntry: false });
  // An existing one is never opened and closed: closing it would end a lock that this process has on it.
  if (stats === undefined) {
    closeSync(openSync(path, "a", ownerOnly));
    giveToOwnerOf(dirname(path), path);
  } else if ((stats.mode & 0o777) !== ownerOnly && stats.uid === process.geteuid?.()) {
    chmodSync(path, ownerOnly);
  }
  return new Database(path);
}
