// What may go wrong with the file or the machine, told apart from bugs: a dependency that failed costs the batch and
// is tried again; anything else ends the process.

import { SQLiteError } from "bun:sqlite";

/** The store will not do this now, for a reason that an operator can mend; the message is a sentence for the log. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

// Result codes (sqlite.org/rescode.html) of the machine's faults; extended codes begin with these names.
const machineFaults = [
  "SQLITE_BUSY",
  "SQLITE_LOCKED",
  "SQLITE_FULL",
  "SQLITE_IOERR",
  "SQLITE_READONLY",
  "SQLITE_CANTOPEN",
  "SQLITE_NOMEM",
  "SQLITE_CORRUPT",
  "SQLITE_NOTADB",
  "SQLITE_PERM",
  "SQLITE_AUTH",
  "SQLITE_PROTOCOL",
  "SQLITE_NOLFS",
];

/** The sentence of a failed dependency; undefined for a bug. */
export function failureSentence(error: unknown): string | undefined {
  if (error instanceof Refusal) return error.message;
  if (!(error instanceof SQLiteError)) return undefined;
  const code = error.code ?? "";
  if (!machineFaults.some((fault) => code.startsWith(fault))) return undefined;
  return `${error.message} (${code})`;
}
