// Backs up a store, while others write to it, as one file. VACUUM INTO reads one snapshot, including the content of the
// write-ahead log, and writes neither free pages nor deleted texts. Writers continue, but the snapshot prevents the log
// from restarting, so that it grows until the copy is complete, some seconds a gigabyte. All of this blocks its thread
// (backup-worker.ts).

import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { reasonOf } from "../../../base/reason-of.ts";
import type { StoreFacts } from "../../store-facts.ts";
import { seal } from "../../backup-seal.ts";
import { openUnlocked } from "../connection.ts";
import { isDamage } from "../damage.ts";
import { failureOf, Refusal } from "../refusal.ts";
import { copyReads, readsPathOf } from "../conversations/read-file.ts";
import { pragmaNumber } from "../schema.ts";
import { openToRead, refuseForeign, refuseNoDatabase, verifyStore } from "../store-file.ts";

const cacheKib = 8 * 1024;
/** The first schema with read cursors. */
const readsFrom = 7;

/** Estimates the bytes of a copy of the store. Throws Refusal if there is no store of this program at `path`. */
export function copyBytesOf(path: string): number {
  return reading(path, (db) => {
    const row = db
      .query<{ bytes: bigint }, []>(
        `SELECT (page_count - freelist_count) * page_size AS bytes
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
      )
      .get();
    return Number(row?.bytes ?? 0n);
  });
}

/** What a backup holds, and what it lacks: a sentence for the operator, or undefined. */
interface MadeBackup {
  readonly facts: StoreFacts;
  readonly lack: string | undefined;
}

/**
 * Copies the store at `from` to the empty file `to`, verifies the copy, seals and syncs it. Calls `began` at the
 * beginning of each phase. Throws Refusal if the store is damaged, SQLiteError if the copy cannot be written. A damaged
 * file of read cursors prevents no backup: messages matter more.
 */
export function backUp(from: string, to: string, began: (phase: "copying" | "verifying") => void): MadeBackup {
  let hasAllReads = true;
  began("copying");
  reading(from, (db) => {
    db.run("VACUUM INTO ?", [to]);
    if (pragmaNumber(db, "user_version") < readsFrom) return;
    using copy = new Database(to, { readwrite: true, create: false, safeIntegers: true, strict: true });
    hasAllReads = copyReads({ path: from, log: db }, copy, Date.now(), openSomehow);
  });
  began("verifying");
  let facts: StoreFacts;
  try {
    facts = verifyStore(to, "the copy");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw damaged(from, error);
  }
  seal(to, facts);
  const lack =
    `the file of read cursors ${readsPathOf(from)} is damaged, and the backup has only the cursors that can be read: ` +
    "after a restore, messages whose cursors are missing count as unread; roost check tells more, and roost repair " +
    "mends the file";
  return { facts, lack: hasAllReads ? undefined : lack };
}

function reading<T>(path: string, work: (db: Database) => T): T {
  refuseNoDatabase(path, `the store ${path}`);
  using db = openSomehow(path);
  try {
    refuseForeign(db, `the store ${path}`);
    return work(db);
  } catch (error) {
    throw isDamage(error) ? damaged(path, error) : error;
  }
}

/** On a full or read-only disk, a store that no process has open can be read only without shared memory. */
function openSomehow(path: string): Database {
  const mayBeOpen = existsSync(`${path}-shm`);
  let db: Database | undefined;
  try {
    db = openToRead(path);
    db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get();
    return db;
  } catch (error) {
    db?.close();
    if (mayBeOpen || isDamage(error) || failureOf(error) === undefined) throw error;
    return openUnlocked(path, cacheKib);
  }
}

function damaged(path: string, error: unknown): Refusal {
  const reason = reasonOf(error);
  return new Refusal(
    `the store ${path} is damaged (${reason}), so no backup was made; roost check tells more, and ` +
      "roost repair --salvage saves what can be read",
    { cause: error },
  );
}
