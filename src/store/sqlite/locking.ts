// Takes the write lock. SQLite's busy handler backs off so far that one of two processes starves for seconds, so
// writers poll. Blocking is harmless here: this runs in a worker thread without other work.

import { SQLiteError, type Database } from "bun:sqlite";
import { blockFor } from "../../base/block.ts";
import { writeLockHolder } from "../../base/lock-holder.ts";

const pollMs = 0.3;
/** A batch fails if its writer waits longer than this for the lock. */
export const lockWaitMsMax = 5_000;
/** The same after the lock was held for that long: requests are refused quickly. */
const lockRetryMsMax = 100;

function begin(db: Database, statement: string, waitMsMax: number): void {
  const endMs = performance.now() + waitMsMax;
  for (;;) {
    try {
      db.run(statement);
      return;
    } catch (error) {
      const isBusy = error instanceof SQLiteError && (error.code ?? "").startsWith("SQLITE_BUSY");
      if (!isBusy) throw error;
      if (performance.now() > endMs) {
        const holder = writeLockHolder(db.filename);
        if (holder !== undefined) error.message += `: ${holder}`;
        throw error;
      }
      blockFor(pollMs);
    }
  }
}

/** Starts a write transaction; throws SQLITE_BUSY after `waitMsMax`. */
export function beginImmediate(db: Database, waitMsMax: number): void {
  begin(db, "BEGIN IMMEDIATE", waitMsMax);
}

/** Starts a transaction that excludes other writers; throws SQLITE_BUSY after lockWaitMsMax. */
export function beginExclusive(db: Database): void {
  begin(db, "BEGIN EXCLUSIVE", lockWaitMsMax);
}

/**
 * Runs `work`, which does not write to the database, while nobody else does. Joins a transaction that has the lock
 * already; otherwise throws SQLITE_BUSY after lockWaitMsMax. The connection may be one that only reads.
 */
export function withoutOtherWriters<T>(db: Database, work: () => T): T {
  if (db.inTransaction) return work();
  const isQueryOnly = db.query<{ query_only: bigint }, []>("PRAGMA query_only").get()?.query_only !== 0n;
  // It takes no lock either.
  if (isQueryOnly) db.run("PRAGMA query_only = 0");
  try {
    beginImmediate(db, lockWaitMsMax);
    try {
      return work();
    } finally {
      db.run("ROLLBACK");
    }
  } finally {
    if (isQueryOnly) db.run("PRAGMA query_only = 1");
  }
}

/** The lock of a connection that writes often. */
export class WriteLock {
  private readonly db: Database;
  /** The last wait for the lock failed: further requests wait for a shorter time. */
  private isLockedOut = false;

  constructor(db: Database) {
    this.db = db;
  }

  /** Begins a transaction with the lock; throws while another process has it. */
  take(): void {
    const waitMs = this.isLockedOut ? lockRetryMsMax : lockWaitMsMax;
    this.isLockedOut = true;
    beginImmediate(this.db, waitMs);
    this.isLockedOut = false;
  }
}
