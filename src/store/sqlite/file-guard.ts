// Prevents commits into files that no process will open again. If only the write-ahead log was removed, its content is
// readable while it is open: it is checkpointed into the database, and all connections are opened again. If another
// file replaced the database, the log is checkpointed into the file that it belongs to, so that nobody applies it to
// the other file after this process was killed.

import { Database } from "bun:sqlite";
import { existsSync, realpathSync } from "node:fs";
import { OpenFiles, type Displacement } from "../../base/open-files.ts";
import { isDamage, LogDamage } from "./damage.ts";
import { isRestInLog } from "./backup/foreign-log.ts";
import { FilesMoved, Refusal } from "./refusal.ts";

/** How long a checkpoint waits for readers of the write-ahead log. */
const rescueWaitMsMax = 2_000;

const bytesQuery = "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";

export class FileGuard {
  private readonly db: Database;
  private readonly path: string;
  private readonly files: OpenFiles;
  /** Content is missing, whatever the file's size becomes: cached pages do not match the file any more. */
  private wasCut = false;
  /** The log was checkpointed into the displaced database. */
  private isDetached = false;

  constructor(db: Database, path: string) {
    this.db = db;
    this.path = path;
    this.files = new OpenFiles(path);
    // SQLite may be about to truncate it, after a smaller store was put into the file.
    this.accept();
  }

  /**
   * Call inside a transaction, before it commits. Throws Refusal while the database is displaced, LogDamage once it was
   * truncated, and FilesMoved if the connections must be opened again; call `recover` after the rollback.
   */
  check(): void {
    const displacement = this.displacement();
    if (displacement !== "database") this.isDetached = false;
    switch (displacement) {
      case undefined:
        return;
      case "database":
        throw new Refusal(
          `the file ${this.path} was removed or replaced while it was open; nothing is written until it is back, ` +
            "or this process is started again",
        );
      case "cut":
        this.wasCut = true;
        throw new LogDamage("it was emptied or cut while it was open");
      case "log":
        throw new FilesMoved(
          `${this.path}-wal or ${this.path}-shm was removed or replaced while it was open; its content is saved`,
        );
    }
  }

  /** Whether the database is shorter than before, and `check` has not reported it yet. */
  get isShorter(): boolean {
    return !this.wasCut && this.files.displacement() === "cut";
  }

  /** Accepts a new size, after the content was replaced. */
  accept(): void {
    if (!this.wasCut) this.files.accept(bytesOf(this.db));
  }

  /** Call outside of transactions, with the error of `check`: saves the write-ahead log. Throws Refusal. */
  recover(error: unknown): void {
    if (error instanceof FilesMoved) this.rescue();
    else if (error instanceof Refusal) this.detachLog();
  }

  private displacement(): Displacement | undefined {
    if (this.wasCut) return "cut";
    const displacement = this.files.displacement();
    if (displacement !== "cut" || !this.isWhole()) return displacement;
    this.accept();
    return this.files.displacement();
  }

  /**
   * Reports whether a shorter database is complete, as after a manual vacuum: each page of the last commit is in the
   * file or in the log. Uses another connection, because this one's transaction may have added pages.
   */
  private isWhole(): boolean {
    const size = this.files.size();
    if (size === 0) return false;
    try {
      using other = new Database(this.path, { readonly: true, safeIntegers: true });
      const bytes = bytesOf(other);
      return bytes > 0 && (size >= bytes || isRestInLog(`${realpathSync(this.path)}-wal`, size, bytes));
    } catch (error) {
      if (isDamage(error)) return false;
      throw error;
    }
  }

  /** Checkpoints the removed write-ahead log into the database. Throws Refusal if that fails. */
  private rescue(): void {
    if (!this.checkpoint("FULL"))
      throw new Refusal(`${this.path}-wal was removed while it was open, and a process still reads from it`);
  }

  /**
   * Checkpoints the log into the displaced database, once another file has replaced it. If no file has, the log
   * remains: it shows that the database is missing.
   */
  private detachLog(): void {
    if (this.isDetached || this.db.inTransaction || this.files.displacement() !== "database") return;
    if (existsSync(this.path)) this.isDetached = this.checkpoint("TRUNCATE");
  }

  /** Returns false if a process still reads from the log. */
  private checkpoint(mode: "FULL" | "TRUNCATE"): boolean {
    this.db.run(`PRAGMA busy_timeout = ${rescueWaitMsMax}`);
    try {
      const row = this.db
        .query<{ busy: bigint; log: bigint; checkpointed: bigint }, []>(`PRAGMA wal_checkpoint(${mode})`)
        .get();
      return row !== null && row.busy === 0n && row.log === row.checkpointed;
    } finally {
      this.db.run("PRAGMA busy_timeout = 0");
    }
  }
}

function bytesOf(db: Database): number {
  return Number(db.query<{ bytes: bigint }, []>(bytesQuery).get()?.bytes ?? 0n);
}
