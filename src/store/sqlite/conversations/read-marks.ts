// How far accounts have read, from the file beside the log (read-file.ts), which exists once somebody has read
// something.

import type { Database } from "bun:sqlite";
import { isDamage } from "../damage.ts";
import { openReads } from "./read-file.ts";

export class ReadMarks {
  private readonly path: string;
  private readonly log: Database;
  /** The cursors of a restored backup, until the file exists. */
  private readonly saved: ReturnType<typeof selectMark>;
  private file: { readonly db: Database; readonly select: ReturnType<typeof selectMark> } | undefined;

  /** `path`: of the log. */
  constructor(path: string, log: Database) {
    this.path = path;
    this.log = log;
    this.saved = selectMark(log);
  }

  /** The last message that the account has read in a conversation; 0n if none. */
  of(account: bigint, other: bigint): bigint {
    this.file ??= this.open();
    if (this.file === undefined) return this.saved.get(account, other)?.read_id ?? 0n;
    try {
      return this.file.select.get(account, other)?.read_id ?? 0n;
    } catch (error) {
      if (!isDamage(error)) throw error;
      // Everything counts as unread until the writer makes the file anew.
      this.close();
      return 0n;
    }
  }

  close(): void {
    this.file?.db.close();
    this.file = undefined;
  }

  private open(): typeof this.file {
    const db = openReads(this.path, this.log);
    return db && { db, select: selectMark(db) };
  }
}

function selectMark(db: Database) {
  return db.prepare<{ read_id: bigint }, [bigint, bigint]>(
    "SELECT read_id FROM read_mark WHERE account = ? AND other = ?",
  );
}
