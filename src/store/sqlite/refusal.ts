// What may go wrong with the file or the machine, told apart from bugs: a dependency that failed costs the batch and
// is tried again; anything else ends the process.

import { SQLiteError } from "bun:sqlite";
import { IndexDamage, isDamage, LogDamage, LogReplaced } from "./damage.ts";

/** The store will not do this now, for a reason that an operator can mend; the message is a sentence for the log. */
export class Refusal extends Error {
  override readonly name: string = "Refusal";
}

/** The file is not one that this program can ever use. */
export class Unusable extends Refusal {
  override readonly name: string = "Unusable";
}

/** The store is another cluster's, or does not say which one it is; the message is a whole sentence. */
export class NotOwned extends Unusable {
  override readonly name = "NotOwned";
}

/** The files at the paths are not those that are open; nothing is lost, but they must be opened again. */
export class FilesMoved extends Refusal {
  override readonly name = "FilesMoved";
}

/**
 * What failed, as far as the main thread acts on it:
 *
 *   machine    the disk or the system, which may pass: the files are tried again
 *   refusal    a rule of the store
 *   unusable   this file can never be used
 *   owner      this process may not use the store
 *   moved      the files must be opened again
 *   log        the log is damaged
 *   index      the index is damaged
 *   replaced   the log was replaced in place; the index, and all that is remembered, belongs to the former one
 */
export type Fault = "machine" | "refusal" | "unusable" | "owner" | "moved" | "log" | "index" | "replaced";

// Result codes (sqlite.org/rescode.html) of the machine's faults; extended codes begin with these names.
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

/** What failed and why, for a dependency that failed; undefined for a bug. */
export function failureOf(error: unknown): { readonly fault: Fault; readonly sentence: string } | undefined {
  if (error instanceof LogReplaced) return { fault: "replaced", sentence: error.message };
  if (error instanceof IndexDamage)
    return { fault: "index", sentence: `the index of the messages is damaged: ${error.message}` };
  if (error instanceof LogDamage) return { fault: "log", sentence: error.message };
  if (error instanceof FilesMoved) return { fault: "moved", sentence: error.message };
  if (error instanceof NotOwned) return { fault: "owner", sentence: error.message };
  if (error instanceof Unusable) return { fault: "unusable", sentence: error.message };
  if (error instanceof Refusal) return { fault: "refusal", sentence: error.message };
  if (error instanceof SQLiteError) {
    const code = error.code ?? "";
    const sentence = `${error.message} (${code})`;
    if (isDamage(error)) return { fault: "log", sentence };
    return machineFaults.some((known) => code.startsWith(known)) ? { fault: "machine", sentence } : undefined;
  }
  // The system's: ENOSPC, EROFS, EISDIR and so on.
  const isSystem = error instanceof Error && "syscall" in error && "code" in error && typeof error.code === "string";
  return isSystem ? { fault: "machine", sentence: error.message } : undefined;
}
