// Goes on with the deletions of accounts in slices, beside the traffic. Any process of the store may do so, also after
// another one has died.

import type { Log } from "../base/log.ts";
import { reasonOf } from "../base/reason-of.ts";
import type { Cancel, Timers } from "../base/timers.ts";
import { purgePauseMs } from "./purge.ts";

const lookFirstMs = 500;
const lookEveryMs = 60_000;
const retryMs = 1_000;

export class DeletionRounds {
  private readonly deleteSlice: () => Promise<boolean>;
  private readonly log: Log;
  private readonly timers: Timers;
  private cancel: Cancel | undefined;
  private isStopped = false;
  private isWorking = false;

  /** `deleteSlice` resolves with false if there is nothing to delete. */
  constructor(deleteSlice: () => Promise<boolean>, log: Log, timers: Timers) {
    this.deleteSlice = deleteSlice;
    this.log = log;
    this.timers = timers;
    this.later(lookFirstMs);
  }

  /** A deletion has begun. */
  begin(): void {
    if (!this.isWorking) this.later(0);
  }

  stop(): void {
    this.isStopped = true;
    this.cancel?.();
  }

  private later(delayMs: number): void {
    this.cancel?.();
    if (!this.isStopped) this.cancel = this.timers.after(delayMs, () => void this.turn());
  }

  private async turn(): Promise<void> {
    this.isWorking = true;
    let pauseMs = retryMs;
    try {
      pauseMs = (await this.deleteSlice()) ? purgePauseMs : lookEveryMs;
    } catch (error) {
      this.log.debug("Deleting the data of an account failed; retrying.", { reason: reasonOf(error) });
    }
    this.isWorking = false;
    this.later(pauseMs);
  }
}
