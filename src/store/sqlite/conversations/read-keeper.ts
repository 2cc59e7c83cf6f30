// Keeps the file of read cursors open for writing: opens it again when another file is at its path, and repairs it when
// it is damaged. The server goes on: cursors may be lost, messages are not in this file.

import type { Database } from "bun:sqlite";
import { fileIdentity } from "../../../base/file-identity.ts";
import type { ReadMarkJob } from "../../change-jobs.ts";
import type { ReadOutcome } from "../../conversations.ts";
import type { LastSeen } from "../../people.ts";
import { isDamage } from "../damage.ts";
import { openOrMakeReads, readsPathOf } from "./read-file.ts";
import { repairReads, type RepairedReads } from "./read-repair.ts";
import { ReadWriter } from "./read-writer.ts";

interface OpenFile {
  readonly db: Database;
  readonly writer: ReadWriter;
  readonly identity: string;
}

export class ReadKeeper {
  private readonly path: string;
  private readonly log: Database;
  private file: OpenFile | undefined;
  /** The last repair, until somebody has taken it. */
  private repaired: RepairedReads | undefined;

  /** `path`: of the log, which is open as `log`. Opens the file and reads all of it, so that damage is found now. */
  constructor(path: string, log: Database) {
    this.path = path;
    this.log = log;
    this.mending(() => this.open());
    if (this.file !== undefined && !isSound(this.file.db)) this.repair();
  }

  /** Returns what a repair did, once. */
  takeRepaired(): RepairedReads | undefined {
    const { repaired } = this;
    this.repaired = undefined;
    return repaired;
  }

  /** Moves cursors in one transaction; outcome i belongs to job i. */
  move(jobs: readonly ReadMarkJob[]): ReadOutcome[] {
    this.refresh();
    return this.mending(() => this.open().writer.move(jobs));
  }

  /** Accounts were online until then; in one transaction. */
  markSeen(marks: readonly LastSeen[]): void {
    this.refresh();
    this.mending(() => this.open().writer.markSeen(marks));
  }

  /** Deletes the cursors of an account, and when it was seen. */
  forget(account: bigint): void {
    this.refresh();
    this.mending(() => this.open().writer.forget(account));
  }

  checkpoint(): void {
    this.file?.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  close(): void {
    this.file?.db.close();
    this.file = undefined;
  }

  /** A repair or a restore, here or in another process, or somebody who removed it. */
  private refresh(): void {
    if (this.file !== undefined && fileIdentity(readsPathOf(this.path)) !== this.file.identity) this.close();
  }

  private open(): OpenFile {
    if (this.file !== undefined) return this.file;
    const db = openOrMakeReads(this.path, this.log);
    this.file = { db, writer: new ReadWriter(this.log, db), identity: fileIdentity(readsPathOf(this.path)) };
    return this.file;
  }

  private mending<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      // The log's damage is not this file's.
      if (!isDamage(error) || (this.file !== undefined && isSound(this.file.db))) throw error;
      this.repair();
      return work();
    }
  }

  private repair(): void {
    this.close();
    this.repaired = repairReads(this.path, this.log);
    this.open();
  }
}

function isSound(db: Database): boolean {
  try {
    return db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get()?.quick_check === "ok";
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}
