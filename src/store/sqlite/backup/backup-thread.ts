// The main thread's end of backup-worker.ts: one request at a time.

import { startThread } from "../../../base/start-thread.ts";
import { StoreUnavailable } from "../../store.ts";
import type { Present, StoreFacts } from "../../store-facts.ts";

export type FileRequest =
  | { readonly kind: "backUp"; readonly from: string; readonly to: string }
  /** Writes a file to standard output and removes it. */
  | { readonly kind: "send"; readonly path: string }
  /** Copies standard input to a new file. */
  | { readonly kind: "spool"; readonly to: string }
  /** `from`: undefined for standard input. */
  | { readonly kind: "receive"; readonly from: string | undefined; readonly to: string; readonly name: string }
  | { readonly kind: "present"; readonly path: string; readonly lastId: string }
  | { readonly kind: "putInPlace"; readonly path: string; readonly draft: string; readonly aside: string };

export type FileAnswer =
  | { readonly kind: "done" }
  | { readonly kind: "facts"; readonly facts: StoreFacts }
  /** `lack`: what the backup does not have of the store, as a sentence. */
  | { readonly kind: "backedUp"; readonly facts: StoreFacts; readonly lack: string | undefined }
  | { readonly kind: "present"; readonly present: Present | undefined }
  | { readonly kind: "failed"; readonly sentence: string }
  | { readonly kind: "bug"; readonly stack: string };

type WorkerMessage = FileAnswer | { readonly kind: "phase"; readonly phase: string };

export class BackupThread {
  private readonly worker: Worker;

  constructor() {
    this.worker = startThread("store/sqlite/backup/backup-worker.ts", new URL("./backup-worker.ts", import.meta.url));
  }

  /** Rejects with StoreUnavailable if the machine or a file failed. Calls `began` at the beginning of each phase. */
  ask(request: FileRequest, began?: (phase: string) => void): Promise<FileAnswer> {
    return new Promise((resolve, reject) => {
      this.worker.onerror = (event) => reject(new Error(`the thread for files died: ${event.message}`));
      this.worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
        if (data.kind === "phase") began?.(data.phase);
        else if (data.kind === "failed") reject(new StoreUnavailable(data.sentence));
        else if (data.kind === "bug") reject(new Error(`a bug in the thread for files: ${data.stack}`));
        else resolve(data);
      };
      this.worker.postMessage(request);
    });
  }

  /** Like `ask`, for requests that are answered with facts. */
  async facts(request: FileRequest, began?: (phase: string) => void): Promise<StoreFacts> {
    const answer = await this.ask(request, began);
    if (answer.kind !== "facts") throw new Error(`${request.kind} is answered with facts`);
    return answer.facts;
  }

  end(): void {
    this.worker.terminate();
  }
}
