// Failures of the file or the machine, as opposed to bugs: a failed dependency costs the batch, which is retried;
// anything else ends the process.

import { SQLiteError } from "bun:sqlite";
import { IndexDamage, isDamage, LogDamage, LogReplaced } from "./damage.ts";

/** The store refuses for a reason that an operator can remove; the message is a sentence for the log. */
export class Refusal extends Error {
  override readonly name: string = "Refusal";
}

/** The index that a lookup needs is being built from the log. */
export class IndexIncomplete extends Refusal {
  override readonly name = "IndexIncomplete";
}

/** This program can never use the file. */
export class Unusable extends Refusal {
  override readonly name: string = "Unusable";
}

/** The store belongs to another cluster or has no valid identity; the message is a complete sentence. */
export class NotOwned extends Unusable {
  override readonly name = "NotOwned";
}

/** The files at the paths are not the open ones. Nothing is lost, but they must be opened again. */
export class FilesMoved extends Refusal {
  override readonly name = "FilesMoved";
}

/**
 * The kinds of failures that the main thread distinguishes:
 *
 *   machine    the disk or the system; it may pass, so the files are retried
 *   refusal    a rule of the store
 *   unusable   this file can never be used
 *   owner      this process may not use the store
 *   moved      the files must be opened again
 *   log        the log is damaged
 *   index      the index is damaged
 *   building   the index is being built
 *   replaced   the log was replaced in place, so the index and all caches are stale
 */
export type Fault = "machine" | "refusal" | "unusable" | "owner" | "moved" | "log" | "index" | "building" | "replaced";

// Result codes of the machine's failures (sqlite.org/rescode.html); extended codes begin with these names.
const machineFaults = [
  "SQLITE_BUSY",
  "SQLITE_LOCKED",
  "SQLITE_FULL",
  "SQLITE_IOERR",
  "SQLITE_READONLY",
  "SQLITE_CANTOPEN",
  "SQLITE_NOMEM",
  "SQLITE_PERM",
  "SQLITE_AUTH",
  "SQLITE_PROTOCOL",
  "SQLITE_NOLFS",
];

export interface Failure {
  readonly fault: Fault;
  readonly sentence: string;
}

/** Returns the failure of a dependency, or undefined for a bug. */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof LogReplaced) return { fault: "replaced", sentence: error.message };
  if (error instanceof IndexDamage)
    return { fault: "index", sentence: `the index of the messages is damaged: ${error.message}` };
  if (error instanceof LogDamage) return { fault: "log", sentence: error.message };
  if (error instanceof FilesMoved) return { fault: "moved", sentence: error.message };
  if (error instanceof NotOwned) return { fault: "owner", sentence: error.message };
  if (error instanceof Unusable) return { fault: "unusable", sentence: error.message };
  if (error instanceof IndexIncomplete) return { fault: "building", sentence: error.message };
  if (error instanceof Refusal) return { fault: "refusal", sentence: error.message };
  if (error instanceof SQLiteError) {
    const code = error.code ?? "";
    const sentence = `${error.message} (${code})`;
    if (isDamage(error)) return { fault: "log", sentence };
    return machineFaults.some((known) => code.startsWith(known)) ? { fault: "machine", sentence } : undefined;
  }
  // From the system: ENOSPC, EROFS, EISDIR and so on.
  const isSystem = error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
  return isSystem ? { fault: "machine", sentence: error.message } : undefined;
}
