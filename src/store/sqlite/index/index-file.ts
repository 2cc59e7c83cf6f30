// The index: a second file beside the log, with sorted runs of postings (posting.ts, run-block.ts). It can be rebuilt
// from the log, so it is synced less strictly, and a missing, damaged or foreign index is replaced. Each schema has a
// file name of its own; the files of others: former-index.ts.
//
// A run covers the messages between the last id of the previous run and its own; runs never overlap. Run numbers only
// increase, so a cached block never changes.

import type { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, rmSync } from "node:fs";
import { openConnection } from "../connection.ts";
import { guarded, guardedLog, IndexDamage, LogDamage } from "../damage.ts";
import { beginExclusive } from "../locking.ts";

/** 3: runs have the lists of pairs and peers. A file of another version has another name (README.md). */
export const indexSchemaVersion = 3;
/** Indexes of this version serve what they have until one is complete; 2 has the lists received, sent and keyed. */
export const formerSchemaVersion = 2;

/** Which lookups a file serves, in its column `stage`. */
export const stages = {
  /** It is built; until it is complete, an index of the former schema serves, if there is one. */
  building: 0,
  /** It is built after damage: an index of the former schema may be what was damaged. */
  rebuilding: 1,
  complete: 2,
} as const;

export type Stage = (typeof stages)[keyof typeof stages];

const schema = `
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- The log that this index belongs to.
    mark INTEGER NOT NULL,
    -- Random. Nobody reads it any more: earlier programs told a file by it from one that has replaced it.
    birth INTEGER NOT NULL,
    -- Rises with every change of the runs.
    version INTEGER NOT NULL,
    -- Messages up to this id are in runs, or were deleted.
    folded_id INTEGER NOT NULL,
    -- The last number that was given to a run.
    last_run INTEGER NOT NULL,
    -- Who compacts, and until when nobody else does.
    holder TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    -- See stages.
    stage INTEGER NOT NULL
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

/** Returns the path of a log's index: `messages.db` has `messages-index-3.db`. */
export function indexPathOf(logPath: string): string {
  const name = `-index-${indexSchemaVersion}`;
  return logPath.endsWith(".db") ? `${logPath.slice(0, -3)}${name}.db` : logPath + name;
}

export const indexCacheKib = 4096;

/** Opens an existing index. Threads cache its blocks themselves, so a small page cache is enough. */
export function openIndex(path: string, synchronous: "NORMAL" | "OFF" = "NORMAL"): Database {
  return guarded(() => openConnection({ path, synchronous, cacheKib: indexCacheKib }));
}

/** Opens this log's index for its compactor; creates it (mode 0600) in this stage if it is missing or invalid. */
export function openOrMakeIndex(path: string, log: Database, stage: Stage = stages.building): Database {
  makeFile(path);
  try {
    return guarded(() => openInitialized(path, log, stage));
  } catch (error) {
    if (!(error instanceof IndexDamage)) throw error;
    removeIndex(path);
    makeFile(path);
    return guarded(() => openInitialized(path, log, stage));
  }
}

/** Leaves an existing file alone: closing it would release SQLite's locks in this process. */
function makeFile(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
}

/** Does not sync a new index: after a power failure it is empty, or damaged and rebuilt. */
function openInitialized(path: string, log: Database, stage: Stage): Database {
  const index = openIndex(path, "OFF");
  try {
    initialize(index, log, stage);
    index.run("PRAGMA synchronous = NORMAL");
    return index;
  } catch (error) {
    index.close();
    throw error;
  }
}

/** Unlinks the files. A process that has them open can continue with them. */
export function removeIndex(path: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
}

/** Throws IndexDamage if the index has lost its state. */
export function stageOf(index: Database): number {
  const stage = guarded(() => index.query<{ stage: bigint }, []>("SELECT stage FROM state").get()?.stage);
  if (stage === undefined) throw new IndexDamage("the index has lost its state");
  return Number(stage);
}

/** One commit, which the threads of all processes see in their next snapshots. */
export function setStage(index: Database, stage: Stage): void {
  if (stageOf(index) !== stage) guarded(() => index.run("UPDATE state SET stage = ?", [stage]));
}

/** Creates the tables in an empty file; throws IndexDamage if the file belongs to another log or state of it. */
function initialize(index: Database, log: Database, stage: Stage): void {
  beginExclusive(index);
  try {
    guarded(() => {
      const version = index.query<{ user_version: bigint }, []>("PRAGMA user_version").get()?.user_version;
      if (version === 0n && index.query("SELECT 1 FROM sqlite_master LIMIT 1").get() === null) {
        index.run(schema);
        index.run("INSERT INTO state VALUES (1, ?, random(), 0, 0, 0, '', 0, ?)", [markOf(log), stage]);
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
export function requireOwn(index: Database, log: Database): bigint {
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
