// Opens a connection with the pragmas that the guarantees need. Integers arrive as bigint: ids are above 2^53.

import { Database } from "bun:sqlite";

export type Synchronous = "FULL" | "NORMAL";

export interface ConnectionOptions {
  readonly path: string;
  /** OFF: while a file is made that can be made again. */
  readonly synchronous: Synchronous | "OFF";
  readonly cacheKib: number;
}

/** Opens the file, which exists, in WAL mode. Checkpoints are made by the store, never by SQLite itself. */
export function openConnection(options: ConnectionOptions): Database {
  const db = new Database(options.path, {
    readwrite: true,
    create: false,
    safeIntegers: true,
    strict: true,
  });
  try {
    // Switching a new file to WAL takes locks; once open, the writers wait by themselves (locking.ts).
    db.run("PRAGMA busy_timeout = 5000");
    // First: the switch is a write, too.
    db.run(`PRAGMA synchronous = ${options.synchronous}`);
    db.run("PRAGMA journal_mode = WAL");
    db.run(`PRAGMA cache_size = -${options.cacheKib}`);
    db.run("PRAGMA wal_autocheckpoint = 0");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
