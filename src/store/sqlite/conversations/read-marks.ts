// How far accounts have read, from the file beside the log (read-file.ts), which exists once somebody has read
// something.

import type { Database } from "bun:sqlite";
import { fileIdentity } from "../../../base/file-identity.ts";
import { isDamage } from "../damage.ts";
import { openReads, readsPathOf } from "./read-file.ts";

interface OpenMarks {
  readonly db: Database;
  readonly select: ReturnType<typeof selectMark>;
  readonly identity: string;
}

export class ReadMarks {
  private readonly path: string;
  private readonly log: Database;
  /** The cursors of a restored backup, until the file exists. */
  private readonly saved: ReturnType<typeof selectMark>;
  /** Undefined: not looked for yet; null: there is none. */
  private file: OpenMarks | null | undefined;

  /** `path`: of the log. */
  constructor(path: string, log: Database) {
    this.path = path;
    this.log = log;
    this.saved = selectMark(log);
  }

  /** The last message that the account has read in a conversation; 0n if none. */
  of(account: bigint, other: bigint): bigint {
    if (this.file === undefined) this.file = this.open() ?? null;
    if (this.file === null) return this.saved.get(account, other)?.read_id ?? 0n;
    try {
      return this.file.select.get(account, other)?.read_id ?? 0n;
    } catch (error) {
      if (!isDamage(error)) throw error;
      // What cannot be read counts as unread until the file is repaired (read-keeper.ts).
      this.close();
      return 0n;
    }
  }

  /** Call before a request: closes a file that another one has replaced, or that was removed; finds a new one. */
  refresh(): void {
    if (this.file === null) this.file = undefined;
    if (this.file !== undefined && fileIdentity(readsPathOf(this.path)) !== this.file.identity) this.close();
  }

  close(): void {
    this.file?.db.close();
    this.file = undefined;
  }

  private open(): OpenMarks | undefined {
    const identity = fileIdentity(readsPathOf(this.path));
    const db = openReads(this.path, this.log);
    return db && { db, select: selectMark(db), identity };
  }
}

function selectMark(db: Database) {
  return db.prepare<{ read_id: bigint }, [bigint, bigint]>(
    "SELECT read_id FROM read_mark WHERE account = ? AND other = ?",
  );
}
