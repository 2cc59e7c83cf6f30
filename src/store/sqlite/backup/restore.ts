// Replaces a store that no process has open by a backup: copies it beside the store, verifies it, gives it new marks,
// moves the old files aside, and renames it into place. Whenever the process ends, either the old or the new store is
// in place, and nothing of the old one is deleted. The caller holds the store's lock.

import { Database, SQLiteError } from "bun:sqlite";
import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { scopedFile } from "../../../base/scoped-file.ts";
import { blockFor } from "../../../base/block.ts";
import { fileIdentity } from "../../../base/file-identity.ts";
import { giveToOwnerOf } from "../../../base/owner.ts";
import { reasonOf } from "../../../base/reason-of.ts";
import type { Present, StoreFacts } from "../../store-facts.ts";
import { isDamage } from "../damage.ts";
import { readSeal } from "../../backup-seal.ts";
import { refuseForeignLog } from "./foreign-log.ts";
import { readsPathOf } from "../conversations/read-file.ts";
import { removeIndexes } from "../index/former-index.ts";
import { indexPathOf } from "../index/index-file.ts";
import { Refusal } from "../refusal.ts";
import { openToRead, readFacts, refuseCutShort, refuseForeign, refuseNoDatabase, verifyStore } from "../store-file.ts";

const chunkBytes = 1024 * 1024;

/**
 * Copies a backup (a path, or 0 for standard input) to the new file `to`, verifies it and makes it a store: unsealed,
 * with new marks, synced. `name` is the backup's name in error messages.
 */
export function receive(from: string | 0, to: string, name: string): StoreFacts {
  copyBytes(from, to);
  refuseCutShort(to, name);
  const seal = readSeal(to, name);
  if (seal !== undefined) truncateSync(to, seal.bytes);
  // The header of a plain copy of a store announces a write-ahead log.
  const db = new Database(to, { readwrite: true, create: false, safeIntegers: true, strict: true });
  try {
    refuseForeign(db, name);
    db.run("PRAGMA journal_mode = DELETE");
    renewMarks(db);
  } catch (error) {
    if (isDamage(error)) throw new Refusal(`${name} is damaged: ${String(error)}; take another copy`, { cause: error });
    throw error;
  } finally {
    db.close();
  }
  const facts = verifyStore(to, name);
  sync(to);
  return facts;
}

/**
 * Makes a restored store distinct from the one that was backed up: a new mark, so that no older index is used for this
 * log; a new identity, so that processes notice copies of one backup; and no leases of node numbers. Anything else that
 * identifies the life of a store must be renewed here, too.
 */
function renewMarks(db: Database): void {
  db.run("BEGIN IMMEDIATE");
  // Schema 1 has no mark; the migration adds one.
  if (db.query("SELECT 1 FROM sqlite_schema WHERE name = 'log'").get() !== null)
    db.run("UPDATE log SET mark = random()");
  db.run("DELETE FROM node");
  // Schemas 1 to 3 have no identity; the migration adds one.
  if (db.query("SELECT 1 FROM sqlite_schema WHERE name = 'identity'").get() !== null)
    db.run("UPDATE identity SET identity = lower(hex(randomblob(16))), epoch = lower(hex(randomblob(16)))");
  db.run("COMMIT");
}

/** Inspects what is at `path`; returns undefined if there is nothing, or an empty file. */
export function present(path: string, lastId: string): Present | undefined {
  if (!existsSync(path)) return undefined;
  if (statSync(path).size === 0 && !hasContent(`${path}-wal`)) return undefined;
  try {
    refuseNoDatabase(path, "it");
    refuseForeignLog(path);
    using db = openToRead(path);
    if (db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get() === null) return undefined;
    refuseForeign(db, "it");
    const newer = db.query<{ n: bigint }, [bigint]>("SELECT count(*) AS n FROM message WHERE id > ?");
    return {
      facts: readFacts(db, "it"),
      newer: Number(newer.get(BigInt(lastId))?.n ?? 0n),
      failure: undefined,
    };
  } catch (error) {
    return { facts: undefined, newer: 0, failure: reasonOf(error) };
  }
}

export const replacedStem = ".before-restore-";
export const damagedStem = ".damaged-";

/**
 * Moves the files at `path` to `aside` and the new file to `path`. Throws Refusal, without changing anything, if a
 * process reads the store. If the process is killed, `undoHalfSwap` undoes an incomplete move when the store is opened
 * next; so `aside` must begin with the path and one of the two suffixes.
 */
export function putInPlace(path: string, draft: string, aside: string): void {
  checkpointFile(path);
  if (existsSync(path)) keepAs(path, aside);
  // A log that a damaged store could not take in, or that is left of a missing store: SQLite would apply it to the new
  // file.
  for (const end of ["-wal", "-journal"]) if (hasContent(path + end)) renameSync(path + end, aside + end);
  for (const end of ["-wal", "-shm", "-journal"]) rmSync(path + end, { force: true });
  giveToOwnerOf(existsSync(path) ? path : dirname(path), draft);
  renameSync(draft, path);
  sync(dirname(path));
  removeIndexes(indexPathOf(path));
  // The cursors belong to the log that was moved.
  const [reads, kept] = [readsPathOf(path), readsPathOf(aside)];
  for (const end of ["", "-wal"]) if (hasContent(reads + end)) renameSync(reads + end, kept + end);
}

/**
 * Undoes an incomplete `putInPlace` of a killed process: as long as the old store is at `path`, the same file has a
 * second name, and its write-ahead log may be beside that name, where SQLite does not find it. The caller holds a lock
 * that excludes restores and repairs.
 */
export function undoHalfSwap(path: string): void {
  const identity = fileIdentity(path);
  if (identity === "") return;
  const stems = [replacedStem, damagedStem].map((stem) => basename(path) + stem);
  for (const name of readdirSync(dirname(path))) {
    const aside = join(dirname(path), name);
    if (!stems.some((stem) => name.startsWith(stem)) || fileIdentity(aside) !== identity) continue;
    for (const end of ["-wal", "-journal"])
      if (hasContent(aside + end) && !hasContent(path + end)) renameSync(aside + end, path + end);
    rmSync(aside);
  }
}

export const asideFiles = (aside: string): string[] => ["", "-wal", "-journal"].map((end) => aside + end);

/** Returns an unused name for what is moved aside: `stem`, the time, and a number if necessary. */
export function freshAside(stem: string): string {
  const first = stem + new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  for (let number = 1; ; number++) {
    const aside = number === 1 ? first : `${first}-${number}`;
    if (!asideFiles(aside).some((file) => existsSync(file))) return aside;
  }
}

/**
 * Checkpoints the write-ahead log into its file and removes it. A store that is too damaged for that keeps its log, and
 * so does a store that the log does not belong to.
 */
function checkpointFile(path: string): void {
  if (!hasContent(path)) return;
  try {
    // SQLite would open it regardless, and remove the log when it closes it.
    refuseNoDatabase(path, path);
    refuseForeignLog(path);
    using db = new Database(path, { readwrite: true, create: false });
    db.run("PRAGMA synchronous = FULL");
    db.run("PRAGMA busy_timeout = 1000");
    db.run("PRAGMA journal_mode = DELETE");
  } catch (error) {
    if (isDamage(error) || error instanceof Refusal) return;
    if (error instanceof SQLiteError && /^SQLITE_(BUSY|LOCKED)/.test(error.code ?? ""))
      throw new Refusal(`another program reads the store ${path}; wait until its backup is done, and try again`, {
        cause: error,
      });
    throw error;
  }
}

/**
 * Gives a file a second name, so that the first one never points to nothing. On a file system without hard links it
 * makes a synced copy, which needs as much room as the file. Throws if `aside` exists.
 */
export function keepAs(path: string, aside: string, link: (from: string, to: string) => void = linkSync): void {
  try {
    link(path, aside);
  } catch (error) {
    if (existsSync(aside)) throw error;
    try {
      copyBytes(path, aside);
      giveToOwnerOf(path, aside);
      sync(aside);
    } catch (failure) {
      rmSync(aside, { force: true });
      throw failure;
    }
  }
}

/** Copies a file, or standard input (0), to a new file of mode 0600. */
export function copyBytes(from: string | 0, to: string): void {
  const source = from === 0 ? 0 : openSync(from, "r");
  const file = openSync(to, "wx", 0o600);
  try {
    if (from !== 0 && !fstatSync(source).isFile())
      throw new Refusal(`${from} is not a file; expected one that roost backup made`);
    // Regardless of the umask.
    chmodSync(to, 0o600);
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (;;) {
      const read = waiting(() => readSync(source, chunk, 0, chunkBytes, null));
      if (read === 0) break;
      for (let at = 0; at < read;) at += writeSync(file, chunk, at, read - at);
    }
  } finally {
    closeSync(file);
    if (from !== 0) closeSync(source);
  }
}

/** Repeats a call while it fails with EAGAIN: a pipe may be non-blocking. */
export function waiting<T>(call: () => T): T {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      blockFor(1);
    }
  }
}

export function sync(path: string): void {
  using file = scopedFile(path, "r");
  fsyncSync(file.fd);
}

function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
