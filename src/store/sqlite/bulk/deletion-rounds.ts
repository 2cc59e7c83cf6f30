// Goes on with deletions in slices, beside the traffic: the reader finds what a slice is about, the writer deletes it.
// Any process of the store may do so, also after another one has died; a slice that two of them send is done once.

import type { Log } from "../../../base/log.ts";
import { reasonOf } from "../../../base/reason-of.ts";
import type { Cancel, Timers } from "../../../base/timers.ts";
import { purgePauseMs } from "../../purge.ts";
import type { DeletionPlace, DeletionSlice } from "./deletion-steps.ts";

const lookFirstMs = 500;
const lookEveryMs = 60_000;
const retryMs = 1_000;

/** What the threads of the store do for a deletion. */
export interface DeletionParts {
  /** Where the oldest deletion is that runs. */
  due(): Promise<DeletionPlace | undefined>;
  finds(place: DeletionPlace): Promise<Pick<DeletionSlice, "found" | "isLast">>;
  delete(slice: DeletionSlice): Promise<unknown>;
  /** Deletes the account's read cursors, and when it was seen. */
  forgetReads(account: string): Promise<unknown>;
}

export class DeletionRounds {
  private readonly parts: DeletionParts;
  private readonly log: Log;
  private readonly timers: Timers;
  private cancel: Cancel | undefined;
  private isStopped = false;
  private isWorking = false;

  constructor(parts: DeletionParts, log: Log, timers: Timers) {
    this.parts = parts;
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
      pauseMs = (await this.work()) ? purgePauseMs : lookEveryMs;
    } catch (error) {
      this.log.debug("Deleting the data of an account failed; retrying.", { reason: reasonOf(error) });
    }
    this.isWorking = false;
    this.later(pauseMs);
  }

  /** Deletes a slice; resolves with false if there is nothing to delete. */
  private async work(): Promise<boolean> {
    const place = await this.parts.due();
    if (place === undefined) return false;
    const { step, account } = place;
    const isFound = step === "partners" || step === "messages";
    const slice = isFound ? { ...place, ...(await this.parts.finds(place)) } : place;
    if (step === "reads") await this.parts.forgetReads(account);
    if (!this.isStopped) await this.parts.delete(slice);
    return true;
  }
}
