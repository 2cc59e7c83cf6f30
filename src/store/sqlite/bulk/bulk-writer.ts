// Imports and deletions inside the writer's transactions.

import type { EntryIds } from "../conversations/entry-ids.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import type { TalkWriter } from "../talk-writer.ts";
import type { AppClips } from "./app-clips.ts";
import { AppRetentions } from "./app-retentions.ts";
import type { BulkWrite, BulkWriteAnswers } from "./bulk-calls.ts";
import { DeletionWriter } from "./deletion-writer.ts";
import { ImportWriter, InvalidRecord } from "./import-writer.ts";
import { Tombstones } from "./tombstones.ts";

type BulkWritten = BulkWriteAnswers[keyof BulkWriteAnswers];

export class BulkWriter {
  private readonly parts: GroupParts;
  private readonly talks: TalkWriter;
  private readonly entryIds: EntryIds;
  /** Made when they are wanted: they prepare 56 statements, which most processes never run. */
  private madeImports: ImportWriter | undefined;
  private madeDeletions: DeletionWriter | undefined;
  private readonly tombstones: Tombstones;
  private readonly clips: AppClips;
  readonly retentions: AppRetentions;

  constructor(parts: GroupParts, talks: TalkWriter, entryIds: EntryIds) {
    this.parts = parts;
    this.talks = talks;
    this.entryIds = entryIds;
    this.tombstones = new Tombstones(parts.db, parts.names);
    this.clips = parts.clips;
    this.retentions = new AppRetentions(parts.db);
  }

  /** At the start of a transaction: takes in what others have committed. `version`: of the row of the last id. */
  follow(version: bigint): void {
    this.tombstones.follow(version);
    this.clips.follow(version);
  }

  /** The store was replaced, or may have been. */
  forget(): void {
    this.clips.forget();
    this.madeImports?.forget();
  }

  /** Answers a call in a transaction; a page with a record that cannot be stored is rolled back. */
  answer(call: BulkWrite, transact: (work: (moment: Moment) => BulkWritten) => BulkWritten): BulkWritten {
    try {
      return transact((moment) => this.write(call, moment));
    } catch (error) {
      this.madeImports?.forget();
      if (error instanceof InvalidRecord) return error.outcome;
      throw error;
    }
  }

  private get imports(): ImportWriter {
    return (this.madeImports ??= new ImportWriter(this.parts, this.talks));
  }

  private get deletions(): DeletionWriter {
    return (this.madeDeletions ??= new DeletionWriter(this.parts, this.entryIds));
  }

  private write(call: BulkWrite, moment: Moment): BulkWritten {
    switch (call.call) {
      case "import":
        return this.imports.write(call.page, moment);
      case "importAccounts":
        return this.imports.makeAccounts(call.slice, moment);
      case "deleteData":
        return this.deletions.begin(call.app, call.account, moment);
      case "setRetention":
        return this.retentions.set(call.app, call.days, moment.wallMs);
      case "deletionSlice":
        return this.deletions.step(call.slice, moment);
    }
  }
}

/** Whether a call overwrites or deletes text, which has to be gone from the files. */
export function erasesText({ call }: { readonly call: string }): boolean {
  return call === "deleteData" || call === "deletionSlice";
}

export function isBulkWrite(call: { readonly call: string }): call is BulkWrite {
  return call.call === "import" || call.call === "importAccounts" || call.call === "setRetention" || erasesText(call);
}
