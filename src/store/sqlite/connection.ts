// Opens a connection with the pragmas that the guarantees need. Integers arrive as bigint: ids are above 2^53.

import { constants, Database, type SQLQueryBindings } from "bun:sqlite";
import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { rollBackJournal } from "./backup/journal.ts";

export type Synchronous = "FULL" | "NORMAL";

interface ConnectionOptions {
  readonly path: string;
  /** OFF: while a file is made that can be made again. */
  readonly synchronous: Synchronous | "OFF";
  readonly cacheKib: number;
  /** Throws if the database is none of ours; called before anything is written to the file. */
  readonly refuseForeign?: (db: Database) => void;
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
    options.refuseForeign?.(db);
    // First: the switch is a write, too.
    db.run(`PRAGMA synchronous = ${options.synchronous}`);
    db.run("PRAGMA journal_mode = WAL");
    db.run(`PRAGMA cache_size = -${options.cacheKib}`);
    db.run("PRAGMA wal_autocheckpoint = 0");
    // Pages are looked at more closely as they are read: damage is found where it is, not where it leads to.
    db.run("PRAGMA cell_size_check = ON");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens a database for reading only where no other connection can be made: on a file system that is full or read-only
 * SQLite cannot make the file of shared memory. The index of the write-ahead log is kept on the heap instead, and no lock is
 * taken. The caller knows that nobody writes meanwhile: what is written is not seen, and may be seen in part. A journal that
 * was left is rolled back first; throws Refusal if that cannot be done.
 */
export function openQuietly(path: string, cacheKib: number): Database {
  rollBackJournal(path);
  const { SQLITE_OPEN_READWRITE, SQLITE_OPEN_URI } = constants;
  // Without a write-ahead log SQLite would make one, unless it is told that nothing changes.
  const hasLog = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const url = `${pathToFileURL(path).href}?mode=ro&${hasLog ? "vfs=unix-none" : "immutable=1"}`;
  const flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI;
  const db = new Database(url, flags);
  returnBigIntegers(db);
  try {
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.run(`PRAGMA cache_size = -${cacheKib}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A database that is opened by flags takes no options: its statements are told one by one to return integers as bigint. */
function returnBigIntegers(db: Database): void {
  const prepare: Database["prepare"] = db.prepare.bind(db);
  db.prepare = <Row, Params extends SQLQueryBindings | SQLQueryBindings[]>(sql: string, params?: Params) => {
    const statement = prepare<Row, Params>(sql, params);
    statement.safeIntegers(true);
    return statement;
  };
  const query: Database["query"] = db.query.bind(db);
  db.query = <Row, Params extends SQLQueryBindings | SQLQueryBindings[]>(sql: string) => {
    const statement = query<Row, Params>(sql);
    statement.safeIntegers(true);
    return statement;
  };
}
