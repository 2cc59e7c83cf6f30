// A batch of changes inside the writer's transaction, and the former text that edits and recalls leave in the
// write-ahead log.

import type { Database } from "bun:sqlite";
import type { ChangeJob, ChangeResult } from "../../change-jobs.ts";
import type { IdSequence } from "../../snowflake.ts";
import { GroupCallsWriter } from "../groups/group-calls-writer.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import { MediaWriter } from "../media/media-writer.ts";
import { PeopleWriter } from "../people/people-writer.ts";
import { ChangeWriter } from "./change-writer.ts";
import type { EntryIds } from "./entry-ids.ts";
import { SettingWriter } from "./setting-writer.ts";

/** `needsPairs`: nothing was done, see KnownPairs. */
export type BatchResult = ChangeResult | "needsPairs";

export class ChangeBatch {
  private readonly changes: ChangeWriter;
  private readonly settings: SettingWriter;
  private readonly groups: GroupCallsWriter;
  private readonly people: PeopleWriter;
  private readonly media: MediaWriter;

  constructor(parts: GroupParts, entryIds: EntryIds) {
    this.changes = new ChangeWriter(parts, entryIds);
    this.settings = new SettingWriter(parts);
    this.groups = new GroupCallsWriter(parts);
    this.people = new PeopleWriter(parts);
    this.media = new MediaWriter(parts);
  }

  /** Result i belongs to job i. `firstNs`: the time of the first change; each further one is a nanosecond later. */
  apply(jobs: readonly ChangeJob[], ids: IdSequence, wallMs: number, firstNs: bigint): BatchResult[] {
    let atNs = firstNs;
    return jobs.map((job): BatchResult => {
      const moment = { ids, wallMs, atNs: atNs++ };
      switch (job.kind) {
        case "set":
          return { of: "account", outcome: this.settings.set(job, moment) };
        case "hide":
          return { of: "account", outcome: this.settings.hide(job, moment) };
        case "group": {
          const outcome = this.groups.write(job.call, moment);
          return outcome === "needsPairs" ? outcome : { of: "group", outcome };
        }
        case "people":
          return { of: "people", outcome: this.people.write(job.call, moment) };
        case "media":
          return { of: "media", outcome: this.media.write(job.call, moment) };
        default:
          return { of: "message", outcome: this.changes.write(job, moment) };
      }
    });
  }
}

/** Whether one of the jobs overwrites text. */
export function overwritesText(jobs: readonly ChangeJob[]): boolean {
  return jobs.some(({ kind }) => kind === "edit" || kind === "recall");
}

/** So that a checkpoint of everything, which commits wait for, is rare. */
const looksBetween = 10;

/** Removes text that edits and recalls have overwritten from the files. */
export class FormerText {
  private readonly db: Database;
  /** The write-ahead log may hold some; also after a start, because a former process may have died. */
  private isInLog = true;
  private looks = 0;

  /** FAST also zeroes a page whose content moves, as that of a table's first page does before a second one. */
  constructor(db: Database) {
    this.db = db;
    db.run("PRAGMA secure_delete = FAST");
  }

  /** Runs a transaction; `isErasing`: SQLite zeroes what it overwrites and deletes. */
  zeroed<T>(isErasing: boolean, transaction: () => T): T {
    if (!isErasing) return transaction();
    this.db.run("PRAGMA secure_delete = ON");
    try {
      const result = transaction();
      this.isInLog = true;
      return result;
    } finally {
      this.db.run("PRAGMA secure_delete = FAST");
    }
  }

  /**
   * Called once a minute, outside of transactions: empties the write-ahead log if it may hold former text, ten minutes
   * after the last time; later if another connection reads from it.
   */
  look(): void {
    if (!this.isInLog || ++this.looks < looksBetween) return;
    const row = this.db.query<{ busy: bigint }, []>("PRAGMA wal_checkpoint(TRUNCATE)").get();
    if (row?.busy !== 0n) return;
    this.isInLog = false;
    this.looks = 0;
  }
}
