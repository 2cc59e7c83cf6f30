// Putting a backup in the place of a store that nobody has open: receive it beside the store, verify it, give it marks of
// its own, move the old files aside, and rename it into place. Whenever the process ends, either the old store or the new
// one is in place, and nothing of the old one is deleted. The caller holds the store's lock.

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
import { blockFor } from "../../../base/block.ts";
import { fileIdentity } from "../../../base/file-identity.ts";
import { giveToOwnerOf } from "../../../base/owner.ts";
import type { Present, StoreFacts } from "../../store-facts.ts";
import { isDamage } from "../damage.ts";
import { readSeal } from "../../backup-seal.ts";
import { refuseForeignLog } from "./foreign-log.ts";
import { indexPathOf, removeIndex } from "../index/index-file.ts";
import { Refusal } from "../refusal.ts";
import { openToRead, readFacts, refuseCutShort, refuseForeign, refuseNoDatabase, verifyStore } from "../store-file.ts";

const chunkBytes = 1024 * 1024;

/**
 * Copies a backup (`from` is a path, or 0 for standard input) into the new file `to`, verifies it and makes it a store that
 * can be put in place: unsealed, with marks of its own, synced. `name` is what sentences call the backup.
 */
export function receive(from: string | 0, to: string, name: string): StoreFacts {
  copyBytes(from, to);
  refuseCutShort(to, name);
  const seal = readSeal(to, name);
  if (seal !== undefined) truncateSync(to, seal.bytes);
  // A plain copy of a store says in its header that a write-ahead log belongs to it.
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
 * Makes a restored store another one than the store that was backed up: a new mark, so that no index of an earlier time is
 * ever taken for this log's, another identity, so that two processes that were given copies of one backup notice it, and no
 * node numbers of processes of that time. Whatever else tells one life of a store from the next is renewed here.
 */
function renewMarks(db: Database): void {
  db.run("BEGIN IMMEDIATE");
  // Schema 1 has no mark yet; its migration makes one.
  if (db.query("SELECT 1 FROM sqlite_schema WHERE name = 'log'").get() !== null)
    db.run("UPDATE log SET mark = random()");
  db.run("DELETE FROM node");
  // Schemas 1 to 3 have none; the migration makes one.
  if (db.query("SELECT 1 FROM sqlite_schema WHERE name = 'identity'").get() !== null)
    db.run("UPDATE identity SET identity = lower(hex(randomblob(16))), epoch = lower(hex(randomblob(16)))");
  db.run("COMMIT");
}

/** Looks at what lies at `path`; undefined if nothing does, or nothing that anybody has put there. */
export function present(path: string, lastId: string): Present | undefined {
  if (!existsSync(path)) return undefined;
  if (statSync(path).size === 0 && !hasContent(`${path}-wal`)) return undefined;
  try {
    refuseNoDatabase(path, "it");
    refuseForeignLog(path);
    const db = openToRead(path);
    try {
      if (db.query("SELECT 1 FROM sqlite_schema LIMIT 1").get() === null) return undefined;
      refuseForeign(db, "it");
      const newer = db.query<{ n: bigint }, [bigint]>("SELECT count(*) AS n FROM message WHERE id > ?");
      return {
        facts: readFacts(db, "it"),
        newer: Number(newer.get(BigInt(lastId))?.n ?? 0n),
        failure: undefined,
      };
    } finally {
      db.close();
    }
  } catch (error) {
    return { facts: undefined, newer: 0, failure: error instanceof Error ? error.message : String(error) };
  }
}

/** What the names of stores that were moved aside go on with, behind the store's own. */
export const replacedStem = ".before-restore-";
export const damagedStem = ".damaged-";

/**
 * Moves the files at `path` to `aside` and the new file to `path`. Throws Refusal if somebody reads the store meanwhile;
 * then nothing has changed. What a process that was killed has left is undone by `undoHalfSwap`, whoever opens the store
 * next; so `aside` begins with the path and one of the two stems.
 */
export function putInPlace(path: string, draft: string, aside: string): void {
  checkpointFile(path);
  if (existsSync(path)) keepAs(path, aside);
  // What a damaged store could not take in, and what lies beside a store that is gone: SQLite would play either of them
  // into the new file.
  for (const end of ["-wal", "-journal"]) if (hasContent(path + end)) renameSync(path + end, aside + end);
  for (const end of ["-wal", "-shm", "-journal"]) rmSync(path + end, { force: true });
  giveToOwnerOf(existsSync(path) ? path : dirname(path), draft);
  renameSync(draft, path);
  sync(dirname(path));
  removeIndex(indexPathOf(path));
}

/**
 * Undoes what a `putInPlace` that was killed has left: as long as the old store is at `path`, the same file has a second
 * name, and its write-ahead log may be beside that one, where SQLite does not look for it. The caller holds a lock that no
 * restore or repair has at the same time.
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

/** The files that may lie under a name for what was moved aside. */
export const asideFiles = (aside: string): string[] => ["", "-wal", "-journal"].map((end) => aside + end);

/** A name for what is moved aside: `stem`, the time, and a number if an earlier run has used that. */
export function freshAside(stem: string): string {
  const first = stem + new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  for (let number = 1; ; number++) {
    const aside = number === 1 ? first : `${first}-${number}`;
    if (!asideFiles(aside).some((file) => existsSync(file))) return aside;
  }
}

/**
 * Moves the write-ahead log into its file and removes it; a store that is too damaged for that keeps it, and so does one
 * that the log does not belong to.
 */
function checkpointFile(path: string): void {
  if (!hasContent(path)) return;
  let db: Database | undefined;
  try {
    // SQLite would open it all the same, and remove the log when it closes it.
    refuseNoDatabase(path, path);
    refuseForeignLog(path);
    db = new Database(path, { readwrite: true, create: false });
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
  } finally {
    db?.close();
  }
}

/**
 * Gives a file a second name, so that the first one never points to nothing. On a file system without hard links it makes
 * a synced copy, for the same reason; the copy needs as much room as the file. Throws if `aside` exists.
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

/** Copies a file or standard input (0) into a new file of mode 0600. */
export function copyBytes(from: string | 0, to: string): void {
  const source = from === 0 ? 0 : openSync(from, "r");
  const file = openSync(to, "wx", 0o600);
  try {
    if (from !== 0 && !fstatSync(source).isFile())
      throw new Refusal(`${from} is no file; expected one that roost backup made`);
    // The umask of a careless shell must not matter.
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

/** A pipe may be set not to block: then the call is made again. */
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
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
