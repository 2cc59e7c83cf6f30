// Opens connections with the pragmas that the store's guarantees need. Integers are bigints: ids exceed 2^53.
//
// Statements that run often write `+?` where they sort (ORDER BY, GROUP BY, max, min) and compare a column with a
// parameter, and after LIMIT: SQLite compiles a statement anew, which takes some microseconds, when a parameter is
// bound whose value it has considered for the plan, as it does there with `?` (sqlite.org/c3ref/prepare.html). The plan
// is the same.

import { constants, Database, type SQLQueryBindings } from "bun:sqlite";
import { statSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { rollBackJournal } from "./backup/journal.ts";

export type Synchronous = "FULL" | "NORMAL";

interface ConnectionOptions {
  readonly path: string;
  /** OFF: for files that can be created again. */
  readonly synchronous: Synchronous | "OFF";
  readonly cacheKib: number;
  /** Throws if the database belongs to another program; called before anything is written. */
  readonly refuseForeign?: (db: Database) => void;
}

/** Opens an existing file in WAL mode. The store runs the checkpoints, SQLite does not. */
export function openConnection(options: ConnectionOptions): Database {
  const db = new Database(options.path, {
    readwrite: true,
    create: false,
    safeIntegers: true,
    strict: true,
  });
  try {
    // Switching a new file to WAL takes locks; afterwards the writers wait themselves (locking.ts).
    db.run("PRAGMA busy_timeout = 5000");
    options.refuseForeign?.(db);
    // Before the switch to WAL, which is a write, too.
    db.run(`PRAGMA synchronous = ${options.synchronous}`);
    db.run("PRAGMA journal_mode = WAL");
    db.run(`PRAGMA cache_size = -${options.cacheKib}`);
    db.run("PRAGMA wal_autocheckpoint = 0");
    // Checks pages as they are read, so that damage is found where it is.
    db.run("PRAGMA cell_size_check = ON");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens a database read-only on a file system that is full or read-only, where SQLite cannot create the file of shared
 * memory. The index of the write-ahead log is on the heap then, and no lock is taken: the caller guarantees that nobody
 * writes meanwhile. Rolls back a leftover journal first; throws Refusal if that fails.
 */
export function openUnlocked(path: string, cacheKib: number): Database {
  rollBackJournal(path);
  const { SQLITE_OPEN_READWRITE, SQLITE_OPEN_URI } = constants;
  // Without a write-ahead log SQLite would create one, unless the file is declared immutable.
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

/** Makes each statement return bigints: a database opened with flags takes no options. */
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
