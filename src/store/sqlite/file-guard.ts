// Keeps a writer from committing into files that nobody will open again. Where only the write-ahead log was taken away its
// content is still there as long as it is open: it is moved into the database, and all connections are opened again.

import type { Database } from "bun:sqlite";
import { OpenFiles } from "../../base/open-files.ts";
import { LogDamage } from "./damage.ts";
import { FilesMoved, Refusal } from "./refusal.ts";

/** A checkpoint waits so long for those who read from the write-ahead log. */
const rescueWaitMsMax = 2_000;

export class FileGuard {
  private readonly db: Database;
  private readonly path: string;
  private readonly files: OpenFiles;
  /** Content is missing, whatever the file's size becomes: pages in memory do not belong to it any more. */
  private wasCut = false;

  constructor(db: Database, path: string) {
    this.db = db;
    this.path = path;
    this.files = new OpenFiles(path);
    // It may be about to be cut by SQLite: a smaller store was put into it just before.
    this.accept();
  }

  /**
   * To be called inside a transaction, before it commits. Throws Refusal while the database is elsewhere, LogDamage once it
   * was cut, FilesMoved when the connections must be opened again; `rescue` is due then, after the rollback.
   */
  check(): void {
    const displacement = this.wasCut ? "cut" : this.files.displacement();
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
    if (this.wasCut) return;
    const size = this.db
      .query<{ bytes: bigint }, []>("SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size")
      .get();
    this.files.accept(Number(size?.bytes ?? 0n));
  }

  /** Moves what is only in the write-ahead log into the database. Throws Refusal when that cannot be done. */
  rescue(): void {
    this.db.run(`PRAGMA busy_timeout = ${rescueWaitMsMax}`);
    try {
      const row = this.db
        .query<{ busy: bigint; log: bigint; checkpointed: bigint }, []>("PRAGMA wal_checkpoint(FULL)")
        .get();
      if (row === null || row.busy !== 0n || row.log !== row.checkpointed)
        throw new Refusal(`${this.path}-wal was taken away while it was open, and somebody still reads from it`);
    } finally {
      this.db.run("PRAGMA busy_timeout = 0");
    }
  }
}
