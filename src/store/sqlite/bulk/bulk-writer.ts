// Imports and deletions inside the writer's transactions.

import type { EntryIds } from "../conversations/entry-ids.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import type { TalkWriter } from "../talk-writer.ts";
import type { BulkWrite, BulkWriteAnswers } from "./bulk-calls.ts";
import { DeletionWriter } from "./deletion-writer.ts";
import { ImportWriter, InvalidRecord } from "./import-writer.ts";

type BulkWritten = BulkWriteAnswers[keyof BulkWriteAnswers];

export class BulkWriter {
  private readonly imports: ImportWriter;
  private readonly deletions: DeletionWriter;

  constructor(parts: GroupParts, talks: TalkWriter, entryIds: EntryIds) {
    this.imports = new ImportWriter(parts, talks);
    this.deletions = new DeletionWriter(parts, entryIds);
  }

  /** Answers a call in a transaction; a page with a record that cannot be stored is rolled back. */
  answer(call: BulkWrite, transact: (work: (moment: Moment) => BulkWritten) => BulkWritten): BulkWritten {
    try {
      return transact((moment) => this.write(call, moment));
    } catch (error) {
      this.imports.forget();
      if (error instanceof InvalidRecord) return error.outcome;
      throw error;
    }
  }

  private write(call: BulkWrite, moment: Moment): BulkWritten {
    switch (call.call) {
      case "import":
        return this.imports.write(call.page, moment);
      case "deleteData":
        return this.deletions.begin(call.app, call.account, moment);
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
  return call.call === "import" || erasesText(call);
}
