// The file of read cursors beside the log: `messages.db` has `messages-reads.db`. Apart from the log, because cursors
// are many and may be lost for a second, and messages are not: its writer never takes the log's lock. The file is made
// when the first cursor moves, and made anew when it belongs to another log. When accounts were online last is in it,
// too, as their cursor in no conversation (`seenKey`): it is as frequent, and may be lost likewise.

import type { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, rmSync } from "node:fs";
import { openConnection } from "../connection.ts";
import { isDamage, isUnreadable } from "../damage.ts";
import { beginExclusive } from "../locking.ts";
import { RangeReader, type Row } from "../salvage/salvage-range.ts";

interface MarkRow {
  readonly account: bigint;
  readonly other: bigint;
  readonly read_id: bigint;
}

/** No conversation: its cursor says when the account was online last, in minutes since 1970. */
export const seenKey = 0n;

const schemaVersion = 1n;
/** More accounts than a store has. */
const accountMax = 2n ** 53n;
const cacheKib = 8 * 1024;
const schema = `
  -- The log that the cursors belong to.
  CREATE TABLE belongs (one INTEGER PRIMARY KEY CHECK (one = 1), mark INTEGER NOT NULL);
  CREATE TABLE read_mark (
    account INTEGER NOT NULL,
    -- The partner, or minus the group; or 0, for when the account was online last.
    other INTEGER NOT NULL,
    read_id INTEGER NOT NULL,
    PRIMARY KEY (account, other)
  ) WITHOUT ROWID;`;

/** Names the file beside a log. */
export function readsPathOf(logPath: string): string {
  return logPath.endsWith(".db") ? `${logPath.slice(0, -3)}-reads.db` : `${logPath}-reads`;
}

/** Opens the log's cursors for reading; undefined if there are none, or if they are damaged. */
export function openReads(logPath: string, log: Database): Database | undefined {
  const found = openDamagedReads(logPath, log, openShared);
  return found === "damaged" ? undefined : found;
}

const openShared = (path: string): Database => openConnection({ path, synchronous: "NORMAL", cacheKib });

function openDamagedReads(
  logPath: string,
  log: Database,
  open: (path: string) => Database,
): Database | "damaged" | undefined {
  const path = readsPathOf(logPath);
  if (!existsSync(path)) return undefined;
  let db: Database | undefined;
  try {
    db = open(path);
    if (belongsTo(db, markOf(log))) {
      db.run("PRAGMA query_only = 1");
      return db;
    }
  } catch (error) {
    db?.close();
    if (isDamage(error)) return "damaged";
    throw error;
  }
  db.close();
  return undefined;
}

/**
 * Opens the log's cursors for writing; makes the file (mode 0600) if it is missing, or another log's. Throws SQLite's
 * errors if the file is damaged (read-repair.ts).
 */
export function openOrMakeReads(logPath: string, log: Database): Database {
  const path = readsPathOf(logPath);
  const db = makeReads(path, log);
  try {
    if (belongsTo(db, markOf(log))) return db;
  } catch (error) {
    db.close();
    throw error;
  }
  db.close();
  removeReads(path);
  return makeReads(path, log);
}

/** Opens the file at `path`; one without content gets the tables, and the cursors of a restored backup. */
export function makeReads(path: string, log: Database): Database {
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
  const db = openConnection({ path, synchronous: "NORMAL", cacheKib });
  try {
    // Small and cheap to copy: SQLite's own checkpoints will do.
    db.run("PRAGMA wal_autocheckpoint = 1000");
    initialize(db, markOf(log), log);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Unlinks the files of cursors. A process that has them open goes on with them until it opens the store again. */
export function removeReads(path: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
}

function initialize(db: Database, mark: bigint, log: Database): void {
  beginExclusive(db);
  try {
    if (db.query("SELECT 1 FROM sqlite_master LIMIT 1").get() === null) {
      db.run(schema);
      db.run("INSERT INTO belongs VALUES (1, ?)", [mark]);
      const add = db.prepare<null, [bigint, bigint, bigint]>("INSERT OR IGNORE INTO read_mark VALUES (?, ?, ?)");
      const saved = log.query<MarkRow, []>("SELECT account, other, read_id FROM read_mark");
      for (const { account, other, read_id } of saved.iterate()) add.run(account, other, read_id);
      db.run(`PRAGMA user_version = ${schemaVersion}`);
    }
    db.run("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.run("ROLLBACK");
    throw error;
  }
}

/**
 * Copies the cursors of the store at `logPath` into the table of a copy of its log; returns whether all of them were
 * readable. `open` opens the file to read it.
 */
export function copyReads(
  { path: logPath, log }: { readonly path: string; readonly log: Database },
  copy: Database,
  nowMs: number,
  open = openShared,
): boolean {
  const reads = openDamagedReads(logPath, log, open);
  if (reads === undefined) return true;
  if (reads === "damaged") return false;
  try {
    const add = copy.prepare<null, [bigint, bigint, bigint, number]>(
      "INSERT OR REPLACE INTO read_mark (account, other, read_id, saved_ms) VALUES (?, ?, ?, ?)",
    );
    copy.run("BEGIN");
    // What cannot be read counts as unread again; the messages matter more.
    const isWhole = readMarks(reads, (account, other, readId) => add.run(account, other, readId, nowMs));
    copy.run("COMMIT");
    return isWhole;
  } catch (error) {
    if (copy.inTransaction) copy.run("ROLLBACK");
    throw error;
  } finally {
    reads.close();
  }
}

/** Reads the cursors of a file that may be damaged, some of them twice; returns whether all pages were readable. */
export function readMarks(db: Database, take: (account: bigint, other: bigint, readId: bigint) => void): boolean {
  const valid = ({ account, other, read_id: readId }: Row): void => {
    if (typeof account === "bigint" && typeof other === "bigint" && typeof readId === "bigint")
      take(account, other, readId);
  };
  try {
    const reader = new RangeReader(db, "read_mark", "account", ["account", "other", "read_id"], valid);
    return reader.read(0n, accountMax).length === 0;
  } catch (error) {
    if (isUnreadable(error)) return false;
    throw error;
  }
}

/** Reports whether the file belongs to the log with this mark. */
export function belongsTo(db: Database, mark: bigint): boolean {
  const version = db.query<{ user_version: bigint }, []>("PRAGMA user_version").get()?.user_version;
  return version === schemaVersion && db.query<{ mark: bigint }, []>("SELECT mark FROM belongs").get()?.mark === mark;
}

/** The mark of a log, which its files beside it have, too. */
export function markOf(log: Database): bigint {
  return log.query<{ mark: bigint }, []>("SELECT mark FROM log").get()?.mark ?? 0n;
}
