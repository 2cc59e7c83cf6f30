// The data folder: made when it is missing, held by one process at a time, and home of the secret. Files of messages
// are held, too, wherever they are.

import type { Database } from "bun:sqlite";
import { chmodSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { changerOf } from "../base/file-trust.ts";
import { openLockFile } from "../base/lock-file.ts";
import type { Log } from "../base/log.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import { StartError } from "./usage-error.ts";

/** Makes the folder (mode 0700) if need be, and warns of others who can change it; returns its absolute path. */
export function openDataFolder(folder: string, log?: Log): string {
  return makeDataFolder(folder, log).path;
}

/** The same; `made` is the first folder of the path that was not there before, undefined if all were. */
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
    throw new StartError(`cannot make the data folder ${path}: ${sentenceOf(error)}; choose another with --data`);
  }
  if (log !== undefined) warnOfChangers(path, log);
  return { path, made };
}

/**
 * Warns when others than this user and root can change a folder: they can take the place of the files in it, and put
 * files there that this process is about to make.
 */
export function warnOfChangers(folder: string, log: Log): void {
  const stats = statSync(folder, { throwIfNoEntry: false });
  const changer = stats && changerOf(stats);
  if (changer !== undefined)
    log.warn("others can change what is in the folder of the data; chown it, and chmod 700 it", { folder, changer });
}

/** What this process has for itself until it ends, however it ends. */
interface Hold {
  /**
   * Takes the lock unless this process has it. Throws StartError when another process has it, or when a disk that is
   * full or read-only does not let it be taken.
   */
  claim(): void;
  release(): void;
}

/**
 * Holds the folder for this process. Throws when another process holds it. A disk that is full or read-only is no
 * reason not to start: what is written there is written after `claim` only.
 */
export function holdDataFolder(path: string): Hold {
  return hold(() => join(path, "lock"), "alone", {
    busy: `another roost is running on the data folder ${path}; stop it or choose another folder with --data`,
    failed: (reason) => `cannot write to the data folder ${path}: ${reason}; choose another with --data`,
  });
}

/**
 * Holds a file of messages for this process. Chat services share one; a standalone server has its own alone: it alone
 * knows who is signed in to it, and what others write is pushed to nobody there. Throws when it is held otherwise; for
 * the rest see holdDataFolder.
 */
export function holdStore(path: string, how: "alone" | "shared"): Hold {
  const other = how === "shared" ? "a standalone roost" : "another roost";
  return hold(() => `${realPathOf(path)}-lock`, how, {
    busy: `${other} keeps its messages in ${path}; stop it or choose another file with --store`,
    failed: (reason) => `cannot write beside the messages in ${path}: ${reason}; choose a writable folder with --store`,
  });
}

/** Holds the folder, and throws when that cannot be done. Returns the function that lets it go. */
export function lockDataFolder(path: string): () => void {
  return claimed(holdDataFolder(path));
}

/** Holds a file of messages, and throws when that cannot be done. Returns the function that lets it go. */
export function lockStore(path: string, how: "alone" | "shared"): () => void {
  return claimed(holdStore(path, how));
}

function claimed(held: Hold): () => void {
  held.claim();
  return () => held.release();
}

/** Two names of one file, one of them a link, are locked in one place; a file that is not made yet has one name. */
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

function hold(pathOf: () => string, how: "alone" | "shared", told: HoldSentences): Hold {
  let lock: Database | undefined;
  const claim = (): void => {
    lock ??= openLock(pathOf, how);
  };
  const sentence = (error: unknown): string =>
    codeOf(error).startsWith("SQLITE_BUSY") ? told.busy : told.failed(sentenceOf(error));
  try {
    claim();
  } catch (error) {
    if (!mayPass(error)) throw new StartError(sentence(error));
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

/** A disk that is full, or a file system that is read-only. */
function mayPass(error: unknown): boolean {
  return /^(SQLITE_(FULL|READONLY|IOERR)|ENOSPC$|EDQUOT$|EROFS$)/.test(codeOf(error));
}

/** A lock on a small SQLite file, without content: the kernel gives it back after kill -9. */
function openLock(pathOf: () => string, how: "alone" | "shared"): Database {
  let lock: Database | undefined;
  try {
    lock = openLockFile(pathOf());
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("PRAGMA locking_mode = EXCLUSIVE");
    // A reader's lock is shared, and in this mode it is kept.
    if (how === "alone") lock.run("BEGIN EXCLUSIVE");
    else lock.run("SELECT count(*) FROM sqlite_schema");
    return lock;
  } catch (error) {
    lock?.close();
    throw error;
  }
}
