// A backup of a store that others write meanwhile, as one file. VACUUM INTO reads one snapshot, with what is only in the
// write-ahead log, and writes neither free pages nor deleted texts. Its writers go on: a snapshot keeps the log from starting
// over, so the log grows by what is written until the copy is done, some seconds a gigabyte. All of this blocks its
// thread (backup-worker.ts).

import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import type { StoreFacts } from "../../store-facts.ts";
import { seal } from "../../backup-seal.ts";
import { openQuietly } from "../connection.ts";
import { isDamage } from "../damage.ts";
import { failureOf, Refusal } from "../refusal.ts";
import { openToRead, refuseForeign, refuseNoDatabase, verifyStore } from "../store-file.ts";

const cacheKib = 8 * 1024;

/** About as many bytes as a copy of the store takes. Throws Refusal if there is no store of ours at `path`. */
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

/**
 * Copies the store at `from` into the empty file `to`, reads the copy back, seals and syncs it. `began` is told what
 * begins. Throws Refusal if the store is damaged, SQLiteError if the copy cannot be written.
 */
export function backUp(from: string, to: string, began: (phase: "copying" | "verifying") => void): StoreFacts {
  began("copying");
  reading(from, (db) => db.run("VACUUM INTO ?", [to]));
  began("verifying");
  let facts: StoreFacts;
  try {
    facts = verifyStore(to, "the copy");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw damaged(from, error);
  }
  seal(to, facts);
  return facts;
}

function reading<T>(path: string, work: (db: Database) => T): T {
  refuseNoDatabase(path, `the store ${path}`);
  const db = openSomehow(path);
  try {
    refuseForeign(db, `the store ${path}`);
    return work(db);
  } catch (error) {
    throw isDamage(error) ? damaged(path, error) : error;
  } finally {
    db.close();
  }
}

/** On a disk that is full or read-only a store that nobody has open can be read only without the files beside it. */
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
    return openQuietly(path, cacheKib);
  }
}

function damaged(path: string, error: unknown): Refusal {
  const reason = error instanceof Error ? error.message : String(error);
  return new Refusal(
    `the store ${path} is damaged (${reason}), so no backup was made; roost check tells more, and ` +
      "roost repair --salvage saves what can be read",
    { cause: error },
  );
}
