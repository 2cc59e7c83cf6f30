// Exports, imports and deletions on the main thread: each call is a request to the writer or the reader.

import type { DataStore, ExportPage, ExportQuery, ImportOutcome, ImportPage, Operation } from "../../data.ts";
import type { DeletionParts } from "./deletion-rounds.ts";
import type { AppRefusal } from "./import-rows.ts";

/** What the threads of the store do. */
interface DataThreads extends Omit<DataStore, "import">, Omit<DeletionParts, "forgetReads"> {
  import(page: ImportPage): Promise<ImportOutcome | AppRefusal>;
}

export class SqliteData implements DataStore {
  readonly threads: DataThreads;
  /** Called when a deletion has begun. */
  onDeletion: (() => void) | undefined;

  constructor(threads: DataThreads) {
    this.threads = threads;
  }

  export(query: ExportQuery): Promise<ExportPage> {
    return this.threads.export(query);
  }

  async import(page: ImportPage): Promise<ImportOutcome> {
    for (;;) {
      const outcome = await this.threads.import(page);
      if (outcome.result !== "checking") return outcome;
    }
  }

  async deleteData(app: string, account: string): Promise<Operation | undefined> {
    const operation = await this.threads.deleteData(app, account);
    if (operation !== undefined) this.onDeletion?.();
    return operation;
  }

  operation(app: string, id: bigint): Promise<Operation | undefined> {
    return this.threads.operation(app, id);
  }
}
