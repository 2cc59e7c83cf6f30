// Exports, imports and deletions on the main thread: each call is a request to the writer or the reader.

import type {
  AppRetentionStore,
  DataStore,
  ExportPage,
  ExportQuery,
  ImportOutcome,
  ImportPage,
  Operation,
} from "../../data.ts";
import { type ImportAccounts, accountSlices } from "../../import-accounts.ts";
import type { DeletionPlace, DeletionSlice } from "./deletion-steps.ts";
import type { DeletionBegun } from "./deletion-writer.ts";
import type { ReadMarkJob } from "../../change-jobs.ts";
import type { AppRefusal } from "./import-rows.ts";
import type { ImportWritten } from "./import-writer.ts";

/** What the threads of the store do. */
interface DataThreads extends Omit<DataStore, "import" | "deleteData"> {
  deleteData(app: string, account: string): Promise<DeletionBegun>;
  import(page: ImportPage): Promise<ImportWritten>;
  importAccounts(slice: ImportAccounts): Promise<AppRefusal | undefined>;
  /** Where the oldest deletion is that runs. */
  due(): Promise<DeletionPlace | undefined>;
  finds(place: DeletionPlace): Promise<Pick<DeletionSlice, "found" | "isLast">>;
  delete(slice: DeletionSlice): Promise<unknown>;
  /** Moves read cursors. */
  moveReads(jobs: readonly ReadMarkJob[]): Promise<unknown>;
  /** Deletes the account's read cursors, and when it was seen. */
  forgetReads(account: string): Promise<unknown>;
}

export class SqliteData implements DataStore {
  readonly retentions: AppRetentionStore;
  private readonly threads: DataThreads;
  /** Called when a deletion has begun. */
  onDeletion: (() => void) | undefined;

  constructor(threads: DataThreads) {
    this.threads = threads;
    this.retentions = threads.retentions;
  }

  export(query: ExportQuery): Promise<ExportPage> {
    return this.threads.export(query);
  }

  async import(page: ImportPage): Promise<ImportOutcome> {
    for (const slice of accountSlices(page, { areMentionedMade: false }))
      while ((await this.threads.importAccounts(slice))?.result === "checking");
    for (;;) {
      const outcome = await this.threads.import(page);
      if (outcome.result === "checking") continue;
      if (outcome.result !== "stored") return outcome;
      const { reads = [], ...stored } = outcome;
      if (reads.length > 0) await this.threads.moveReads(reads);
      return stored;
    }
  }

  async deleteData(app: string, account: string): Promise<Operation | "importing" | undefined> {
    for (;;) {
      const begun = await this.threads.deleteData(app, account);
      if (begun === "checking") continue;
      if (typeof begun === "object") this.onDeletion?.();
      return begun;
    }
  }

  operation(app: string, id: bigint): Promise<Operation | undefined> {
    return this.threads.operation(app, id);
  }

  /**
   * Does a slice of the oldest deletion that runs; false if none does. The reader finds what it is about, the writer
   * deletes it; a slice that two processes send is done once.
   */
  async deleteSlice(): Promise<boolean> {
    const place = await this.threads.due();
    if (place === undefined) return false;
    const { step, account } = place;
    const isFound = step === "partners" || step === "messages";
    if (step === "reads") await this.threads.forgetReads(account);
    await this.threads.delete(isFound ? { ...place, ...(await this.threads.finds(place)) } : place);
    return true;
  }
}
