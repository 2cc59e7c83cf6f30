// Keeps a writer from committing into files that nobody will open again. Where only the write-ahead log was taken away its
// content is still there as long as it is open: it is moved into the database, and all connections are opened again. Where
// another file is in the database's place, the log is moved into the one it belongs to, so that it is not taken for the
// other's after this process was killed.

import { Database } from "bun:sqlite";
import { existsSync, realpathSync } from "node:fs";
import { OpenFiles, type Displacement } from "../../base/open-files.ts";
import { isDamage, LogDamage } from "./damage.ts";
import { isRestInLog } from "./backup/foreign-log.ts";
import { FilesMoved, Refusal } from "./refusal.ts";

/** A checkpoint waits so long for those who read from the write-ahead log. */
const rescueWaitMsMax = 2_000;

const bytesQuery = "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";

export class FileGuard {
  private readonly db: Database;
  private readonly path: string;
  private readonly files: OpenFiles;
  /** Content is missing, whatever the file's size becomes: pages in memory do not belong to it any more. */
  private wasCut = false;
  /** The log was moved into the database after that was displaced. */
  private isParted = false;

  constructor(db: Database, path: string) {
    this.db = db;
    this.path = path;
    this.files = new OpenFiles(path);
    // It may be about to be cut by SQLite: a smaller store was put into it just before.
    this.accept();
  }

  /**
   * To be called inside a transaction, before it commits. Throws Refusal while the database is elsewhere, LogDamage once it
   * was cut, FilesMoved when the connections must be opened again; `recover` is due then, after the rollback.
   */
  check(): void {
    const displacement = this.displacement();
    if (displacement !== "database") this.isParted = false;
    switch (displacement) {
      case undefined:
        return;
      case "database":
        throw new Refusal(
          `the file ${this.path} was taken away or replaced while it was open; nothing is written until it is back, ` +
            "or this process is started again",
        );
      case "cut":
        this.wasCut = true;
        throw new LogDamage("it was emptied or cut while it was open");
      case "log":
        throw new FilesMoved(`${this.path}-wal or ${this.path}-shm was taken away or replaced while it was open`);
    }
  }

  /** The database is shorter than it was, and nobody has said yet that it was cut. */
  get isShorter(): boolean {
    return !this.wasCut && this.files.displacement() === "cut";
  }

  /** The content is another one: the file may become as short as that is. */
  accept(): void {
    if (!this.wasCut) this.files.accept(bytesOf(this.db));
  }

  /**
   * To be called outside of a transaction with what `check` has thrown: saves what is only in the write-ahead log. Throws
   * Refusal when that cannot be done.
   */
  recover(error: unknown): void {
    if (error instanceof FilesMoved) this.rescue();
    else if (error instanceof Refusal) this.part();
  }

  private displacement(): Displacement | undefined {
    if (this.wasCut) return "cut";
    const displacement = this.files.displacement();
    if (displacement !== "cut" || !this.isWhole()) return displacement;
    this.accept();
    return this.files.displacement();
  }

  /**
   * Reports whether a database that became shorter lacks nothing, as after a vacuum by hand: each page of the last commit
   * is in the file or in the log. This connection's transaction may have added pages; another connection does not see them.
   */
  private isWhole(): boolean {
    const size = this.files.size();
    if (size === 0) return false;
    let other: Database | undefined;
    try {
      other = new Database(this.path, { readonly: true, safeIntegers: true });
      const bytes = bytesOf(other);
      return bytes > 0 && (size >= bytes || isRestInLog(`${realpathSync(this.path)}-wal`, size, bytes));
    } catch (error) {
      if (isDamage(error)) return false;
      throw error;
    } finally {
      other?.close();
    }
  }

  /** Moves what is only in the write-ahead log into the database. Throws Refusal when that cannot be done. */
  private rescue(): void {
    if (!this.checkpoint("FULL"))
      throw new Refusal(`${this.path}-wal was taken away while it was open, and somebody still reads from it`);
  }

  /**
   * Empties the log into the database, once after another file was put in its place. A log without a database stays: it
   * says that the file is missing.
   */
  private part(): void {
    if (this.isParted || this.db.inTransaction || this.files.displacement() !== "database") return;
    if (existsSync(this.path)) this.isParted = this.checkpoint("TRUNCATE");
  }

  /** False: somebody still reads from the log. */
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

/** The size of the database that the connection sees, in bytes. */
function bytesOf(db: Database): number {
  return Number(db.query<{ bytes: bigint }, []>(bytesQuery).get()?.bytes ?? 0n);
}
