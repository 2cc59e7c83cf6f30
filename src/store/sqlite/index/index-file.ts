// The index: a second file beside the log, with sorted runs of postings (posting.ts, run-block.ts). It can be rebuilt
// from the log, so it is synced less strictly, and a missing, damaged or foreign index is replaced.
//
// A run covers the messages between the last id of the previous run and its own; runs never overlap. Run numbers only
// increase, so a cached block never changes.

import type { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, renameSync, rmSync } from "node:fs";
import { openConnection } from "../connection.ts";
import { guarded, guardedLog, IndexDamage, isDamage, LogDamage } from "../damage.ts";
import { beginExclusive } from "../locking.ts";
import { pragmaNumber } from "../schema.ts";

/** 3: runs have the lists of pairs and peers. An index of another version is rebuilt. */
export const indexSchemaVersion = 3;
/** Indexes of this version serve what they have while another is built; 2 has the lists received, sent and keyed. */
export const formerSchemaVersion = 2;
const schema = `
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- The log that this index belongs to.
    mark INTEGER NOT NULL,
    -- Of this file: a rebuilt one has another.
    birth INTEGER NOT NULL,
    -- Rises with every change of the runs.
    version INTEGER NOT NULL,
    -- Messages up to this id are in runs, or were deleted.
    folded_id INTEGER NOT NULL,
    -- The last number that was given to a run.
    last_run INTEGER NOT NULL,
    -- Who compacts, and until when nobody else does.
    holder TEXT NOT NULL,
    until_ms INTEGER NOT NULL
  );
  CREATE TABLE run (
    number INTEGER PRIMARY KEY,
    level INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    -- The first posting of every block of each list, packed like a block.
    fences_received BLOB NOT NULL,
    fences_sent BLOB NOT NULL,
    fences_keyed BLOB NOT NULL,
    fences_pair BLOB NOT NULL,
    fences_peers BLOB NOT NULL,
    -- Bloom filters of the keys.
    filter_received BLOB NOT NULL,
    filter_keyed BLOB NOT NULL,
    filter_pair BLOB NOT NULL,
    -- CRC-32 of each of these eight and of the numbers before them (run-block.ts).
    crcs BLOB NOT NULL
  );
  CREATE TABLE block (
    number INTEGER PRIMARY KEY,
    postings BLOB NOT NULL,
    crc INTEGER NOT NULL
  );`;

/** Returns the path of a log's index: `messages.db` has `messages-index.db`. */
export function indexPathOf(logPath: string): string {
  return logPath.endsWith(".db") ? `${logPath.slice(0, -3)}-index.db` : `${logPath}-index`;
}

/** Returns the path of an index of the former schema, which serves while another is built. */
export function formerPathOf(indexPath: string): string {
  return `${indexPath}.former`;
}

export const indexCacheKib = 4096;

/** Opens an existing index. Threads cache its blocks themselves, so a small page cache is enough. */
export function openIndex(path: string, synchronous: "NORMAL" | "OFF" = "NORMAL"): Database {
  return guarded(() => openConnection({ path, synchronous, cacheKib: indexCacheKib }));
}

/** Opens this log's index for its compactor; creates it (mode 0600) if it is missing or invalid. */
export function openOrMakeIndex(path: string, log: Database): Database {
  makeFile(path);
  try {
    return guarded(() => openInitialized(path, log));
  } catch (error) {
    if (!(error instanceof IndexDamage)) throw error;
    removeFiles(path);
    makeFile(path);
    return guarded(() => openInitialized(path, log));
  }
}

/** Leaves an existing file alone: closing it would release SQLite's locks in this process. */
function makeFile(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
}

/** Does not sync a new index: after a power failure it is empty, or damaged and rebuilt. */
function openInitialized(path: string, log: Database): Database {
  const index = openIndex(path, "OFF");
  try {
    initialize(index, log);
    index.run("PRAGMA synchronous = NORMAL");
    return index;
  } catch (error) {
    index.close();
    throw error;
  }
}

/** Unlinks the files, also of a former index. A process that has them open can continue with them. */
export function removeIndex(path: string): void {
  removeFiles(path);
  removeFiles(formerPathOf(path));
}

export function removeFiles(path: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
}

/**
 * Moves an index of the former schema aside, to serve while another is built at the path. Removes one that is damaged
 * as far as this reads, belongs to another log or lacks more than `unflushedMax` of its messages. Returns whether there
 * is one. No thread of this process has it open.
 */
export function setFormerAside(path: string, log: Database, unflushedMax: number): boolean {
  const former = formerPathOf(path);
  if (existsSync(path) && versionOf(path) === formerSchemaVersion) {
    // First what is beside it: SQLite would apply an old write-ahead log to the new file.
    for (const end of ["-wal", "-shm", ""]) if (existsSync(path + end)) renameSync(path + end, former + end);
  }
  if (!existsSync(former)) return false;
  if (isUsable(former, log, unflushedMax)) return true;
  removeFiles(former);
  return false;
}

/** Returns the schema of an index; undefined if it is unreadable. */
function versionOf(path: string): number | undefined {
  try {
    using index = openIndex(path);
    return pragmaNumber(index, "user_version");
  } catch (error) {
    if (error instanceof IndexDamage || isDamage(error)) return undefined;
    throw error;
  }
}

function isUsable(path: string, log: Database, unflushedMax: number): boolean {
  try {
    using index = openIndex(path);
    const flushedId = guarded(() => requireOwn(index, log));
    const unflushed = log.query("SELECT 1 FROM message WHERE id > ? LIMIT 1 OFFSET ?");
    return guardedLog(() => unflushed.get(flushedId, unflushedMax) === null);
  } catch (error) {
    if (error instanceof IndexDamage) return false;
    throw error;
  }
}

/** Creates the tables in an empty file; throws IndexDamage if the file belongs to another log or state of it. */
function initialize(index: Database, log: Database): void {
  beginExclusive(index);
  try {
    guarded(() => {
      const version = index.query<{ user_version: bigint }, []>("PRAGMA user_version").get()?.user_version;
      if (version === 0n && index.query("SELECT 1 FROM sqlite_master LIMIT 1").get() === null) {
        index.run(schema);
        index.run("INSERT INTO state VALUES (1, ?, random(), 0, 0, 0, '', 0)", [markOf(log)]);
        index.run(`PRAGMA user_version = ${indexSchemaVersion}`);
      } else if (version !== BigInt(indexSchemaVersion)) {
        throw new IndexDamage(`the index has schema ${version}`);
      }
      requireOwn(index, log);
    });
    index.run("COMMIT");
  } catch (error) {
    if (index.inTransaction) index.run("ROLLBACK");
    throw error;
  }
}

/** Throws IndexDamage if the index belongs to another log or state of it; returns its last flushed id. */
function requireOwn(index: Database, log: Database): bigint {
  const state = index.query<{ mark: bigint; folded_id: bigint }, []>("SELECT mark, folded_id FROM state").get();
  if (state === null || state.mark !== markOf(log)) throw new IndexDamage("the index belongs to another store");
  // Read after the index: other processes only move the log ahead.
  const last = guardedLog(
    () => log.query<{ last_id: bigint }, []>("SELECT last_id FROM sequence").get()?.last_id ?? 0n,
  );
  if (state.folded_id > last) throw new IndexDamage("the index is ahead of its log, which was set back");
  return state.folded_id;
}

function markOf(log: Database): bigint {
  const mark = guardedLog(() => log.query<{ mark: bigint }, []>("SELECT mark FROM log").get()?.mark);
  if (mark === undefined) throw new LogDamage("the store has lost its mark");
  return mark;
}
