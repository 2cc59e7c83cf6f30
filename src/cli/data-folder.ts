// The data folder, and the locks on it and on message files: each is used by one process at a time, except that chat
// nodes share a message file.

import type { Database } from "bun:sqlite";
import { chmodSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { changerOf } from "../base/file-trust.ts";
import { faultOfContent, openLockFile } from "../base/lock-file.ts";
import type { Log } from "../base/log.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import { StartError } from "./usage-error.ts";

/**
 * Creates the folder (mode 0700) unless it exists, and warns if others can change it. Returns its absolute path, and
 * the first folder of the path that was created; undefined if all existed. Throws StartError.
 */
export function makeDataFolder(
  folder: string,
  log?: Log,
): { readonly path: string; readonly made: string | undefined } {
  const path = resolve(folder);
  let made: string | undefined;
  try {
    made = mkdirSync(path, { recursive: true, mode: 0o700 });
    if (made !== undefined) chmodSync(path, 0o700);
  } catch (error) {
    throw new StartError(`cannot create the data folder ${path}: ${sentenceOf(error)}; choose another with --data`);
  }
  if (log !== undefined) warnOfChangers(path, log);
  return { path, made };
}

/**
 * Warns if users other than this one and root can change a folder: they can replace the files in it, and create files
 * that this process is about to create.
 */
export function warnOfChangers(folder: string, log: Log): void {
  const stats = statSync(folder, { throwIfNoEntry: false });
  const changer = stats && changerOf(stats);
  if (changer !== undefined)
    log.warn("other users can change the files in the data folder; chown it and chmod 700 it", { folder, changer });
}

/** A lock that this process has until it releases it or ends, however it ends. */
interface Hold {
  /**
   * Takes the lock unless this process has it. Throws StartError if another process has it, or if the disk is full or
   * read-only.
   */
  claim(): void;
  release(): void;
}

/**
 * Locks the folder for this process. Throws StartError if another process has the lock. On a full or read-only disk it
 * returns without the lock, so that the server can start; `claim` must take it before anything is written.
 */
export function holdDataFolder(path: string): Hold {
  return hold(() => join(path, "lock"), "alone", {
    busy: `another roost uses the data folder ${path}; stop it or choose another folder with --data`,
    failed: (reason) => `cannot write to the data folder ${path}: ${reason}; choose another with --data`,
  });
}

/**
 * Locks a message file for this process, as holdDataFolder does. Chat nodes share one. A standalone server needs its
 * own: its sessions are known to no other process, so messages that others store are not pushed to its clients.
 */
export function holdStore(path: string, how: "alone" | "shared"): Hold {
  const other = how === "shared" ? "a standalone roost" : "another roost";
  return hold(() => `${realPathOf(path)}-lock`, how, {
    busy: `${other} uses the message file ${path}; stop it or choose another file with --store`,
    failed: (reason) => `cannot write to the folder of ${path}: ${reason}; choose a writable folder with --store`,
  });
}

/** Locks the folder. Throws StartError if that fails for any reason. Returns the function that releases the lock. */
export function lockDataFolder(path: string): () => void {
  return claimed(holdDataFolder(path));
}

/**
 * Locks a message file. Throws StartError if that fails for any reason. Returns the function that releases the lock.
 */
export function lockStore(path: string, how: "alone" | "shared"): () => void {
  return claimed(holdStore(path, how));
}

function claimed(held: Hold): () => void {
  held.claim();
  return () => held.release();
}

/** Follows links, so that all names of a file share one lock; a file that does not exist has one name. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return path;
    throw error;
  }
}

interface HoldSentences {
  readonly busy: string;
  readonly failed: (reason: string) => string;
}

function hold(pathOf: () => string, how: "alone" | "shared", sentences: HoldSentences): Hold {
  let lock: Database | undefined;
  const claim = (): void => {
    lock ??= openLock(pathOf, how);
  };
  const sentence = (error: unknown): string => {
    if (codeOf(error).startsWith("SQLITE_BUSY")) return sentences.busy;
    const fault = faultOfContent(error);
    return fault === undefined ? sentences.failed(sentenceOf(error)) : `cannot lock ${pathOf()}: ${fault}`;
  };
  try {
    claim();
  } catch (error) {
    if (!isDiskFailure(error)) throw new StartError(sentence(error));
  }
  return {
    claim() {
      try {
        claim();
      } catch (error) {
        throw new StartError(sentence(error));
      }
    },
    release: () => lock?.close(),
  };
}

/** Reports whether the disk is full or failing, or the file system read-only. */
function isDiskFailure(error: unknown): boolean {
  return /^(SQLITE_(FULL|READONLY|IOERR)|ENOSPC$|EDQUOT$|EROFS$)/.test(codeOf(error));
}

/** Locks a small, empty SQLite file: the kernel releases the lock even after kill -9. */
function openLock(pathOf: () => string, how: "alone" | "shared"): Database {
  let lock: Database | undefined;
  try {
    lock = openLockFile(pathOf());
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("PRAGMA locking_mode = EXCLUSIVE");
    // A read takes a shared lock, which the exclusive locking mode keeps.
    if (how === "alone") lock.run("BEGIN EXCLUSIVE");
    else lock.run("SELECT count(*) FROM sqlite_schema");
    return lock;
  } catch (error) {
    lock?.close();
    throw error;
  }
}
