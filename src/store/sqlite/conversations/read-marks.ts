// How far accounts have read, from the file beside the log (read-file.ts), which exists once somebody has read
// something.

import type { Database } from "bun:sqlite";
import { fileIdentity } from "../../../base/file-identity.ts";
import { isDamage } from "../damage.ts";
import { openReads, readsPathOf, seenKey } from "./read-file.ts";

/** How far an account has read in a conversation. */
export interface MarkRow {
  readonly account: bigint;
  readonly other: bigint;
  readonly read_id: bigint;
}

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
    const { select } = this.file;
    return this.readable(() => select.get(account, other)?.read_id) ?? 0n;
  }

  /** The marks behind that of an account in a conversation, of no later account than `last`, in the order of both. */
  after(account: bigint, other: bigint, last: bigint, limit: number): readonly MarkRow[] {
    if (this.file === undefined) this.file = this.open() ?? null;
    const db = this.file?.db ?? this.log;
    return (
      this.readable(() => db.query<MarkRow, (bigint | number)[]>(marksAfter).all(account, other, last, limit)) ?? []
    );
  }

  /** What cannot be read counts as unread until the file is repaired (read-keeper.ts). */
  private readable<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (this.file === null || !isDamage(error)) throw error;
      this.close();
      return undefined;
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

/** The time when an account was seen has no conversation (read-file.ts). */
const marksAfter = `SELECT account, other, read_id FROM read_mark
  WHERE (account, other) > (?, ?) AND account <= ? AND other <> ${seenKey} ORDER BY account, other LIMIT ?`;

function selectMark(db: Database) {
  return db.prepare<{ read_id: bigint }, [bigint, bigint]>(
    "SELECT read_id FROM read_mark WHERE account = ? AND other = ?",
  );
}
