// Checks whether a database may be opened beside the processes that have it open. They share the write-ahead log and
// its index in shared memory by path: if one of the two files was removed while they are open, the next process would
// create another, and each would overwrite the other's writes. Such a database is opened after all others have closed
// it.
//
//   -wal    offset 16   8 bytes   salts of the log's current content     (sqlite.org/fileformat2.html)
//   -shm    offset 16   4 bytes   frames in the log, native byte order   (sqlite.org/walformat.html)
//           offset 32   8 bytes   salts of the log that it describes

import { Database, SQLiteError } from "bun:sqlite";
import { readSync, statSync } from "node:fs";
import { keptFile } from "../../base/kept-file.ts";
import { scopedFile } from "../../base/scoped-file.ts";
import { StoreUnavailable } from "../store.ts";

/** The size of a write-ahead log without a single commit. */
const logHeadBytes = 32;
const saltsAt = { log: 16, index: 32 } as const;
const saltBytes = 8;
const framesAt = 16;
const waitMsMax = 5_000;
const pauseMs = 50;

export function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > logHeadBytes;
}

/** Returns what is wrong with a database without pages beside a log with commits; undefined if nothing. */
export function lackBesideLog(path: string): "missing" | "empty" | undefined {
  // The log is checked first: SQLite writes a new database's first page before its log has a commit.
  if (!hasLog(path)) return undefined;
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) return "missing";
  return size === 0 ? "empty" : undefined;
}

/** Resolves when the database can be opened; rejects with StoreUnavailable if others keep it with removed files. */
export async function waitForOthers(path: string): Promise<void> {
  const endMs = performance.now() + waitMsMax;
  while (!areConsistent(path) && !isNobodyElseThere(path)) {
    if (performance.now() > endMs) {
      throw new StoreUnavailable(
        `another process has ${path} open, and ${path}-wal or ${path}-shm was removed; ` +
          "the file is opened when that process has noticed this or ended",
      );
    }
    await Bun.sleep(pauseMs);
  }
}

/** Reports whether the index in shared memory describes the log beside the database. */
function areConsistent(path: string): boolean {
  const log = headOfLog(`${path}-wal`);
  const index = headOfIndex(`${path}-shm`);
  if (log === undefined || index === undefined) return false;
  if (index.length < saltsAt.index + saltBytes) return false;
  const frames = index.readUInt32LE(framesAt);
  if (frames === 0 && log.length === 0) return true;
  const salts = log.subarray(saltsAt.log, saltsAt.log + saltBytes);
  return log.length >= logHeadBytes && salts.equals(index.subarray(saltsAt.index, saltsAt.index + saltBytes));
}

function headOfLog(path: string): Buffer | undefined {
  if (!isFile(path)) return undefined;
  // No process locks it.
  using file = scopedFile(path, "r");
  return headIn(file.fd);
}

/**
 * The thread of webhooks may have it open (hooks/file-reads.ts). Another process that finds no lock on it takes it for
 * left over, and empties it.
 */
function headOfIndex(path: string): Buffer | undefined {
  return isFile(path) ? headIn(keptFile(path)) : undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function headIn(fd: number): Buffer {
  const bytes = Buffer.alloc(saltsAt.index + saltBytes);
  return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
}

/** Briefly takes the exclusive lock. Opening the database reports other failures. */
export function isNobodyElseThere(path: string): boolean {
  try {
    using db = new Database(path, { readwrite: true, create: false });
    // In this mode the first read takes the lock, and no shared memory is needed.
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.run("PRAGMA busy_timeout = 0");
    db.run("BEGIN EXCLUSIVE");
    db.run("ROLLBACK");
    return true;
  } catch (error) {
    return !(error instanceof SQLiteError && (error.code ?? "").startsWith("SQLITE_BUSY"));
  }
}
