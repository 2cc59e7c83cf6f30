// Gathers read cursors on the main thread: those that arrive while others are being moved go together.

import { assert } from "../../../base/assert.ts";
import { Batcher } from "../../batcher.ts";
import type { ReadMarkJob } from "../../change-jobs.ts";
import type { ReadMark, ReadOutcome } from "../../conversations.ts";

export class ReadQueue {
  private readonly batcher: Batcher<ReadMarkJob, readonly ReadOutcome[]>;

  /** `move` moves cursors in order; outcome i belongs to job i. Rejects with StoreUnavailable. */
  constructor(move: (jobs: readonly ReadMarkJob[]) => Promise<readonly ReadOutcome[]>) {
    this.batcher = new Batcher(move, () => undefined);
  }

  add({ messageId, ...mark }: ReadMark): Promise<ReadOutcome> {
    return this.batcher.add([{ ...mark, messageId: `${messageId}` }], 0, (outcomes, start) => {
      const outcome = outcomes[start];
      assert(outcome !== undefined, "each cursor has its outcome");
      return outcome;
    });
  }

  /** Resolves when all cursors are moved. */
  drain(): Promise<void> {
    return this.batcher.drain();
  }
}
