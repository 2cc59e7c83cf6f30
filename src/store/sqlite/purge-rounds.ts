// Looks at the clocks once a minute (horizons.ts), then deletes what is beyond the retention in slices, unless the
// horizon waits.

import { assert } from "../../base/assert.ts";
import type { Log } from "../../base/log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { type Cancel, sleep, type Timers } from "../../base/timers.ts";
import type { ClockNotices } from "../clock-notices.ts";
import { purgePauseMs, surveyMessagesMax } from "../purge.ts";
import type { RequestTarget } from "./protocol.ts";

const lookEveryMs = 60_000;
const lookFirstMs = 500;
/** Messages to count in one request: some milliseconds of the compactor. */
const countRowsMax = 20_000;

export class PurgeRounds {
  private readonly writer: RequestTarget;
  /** Counts messages, because no request waits for it. */
  private readonly compactor: RequestTarget;
  private readonly keepMs: number;
  private readonly notices: ClockNotices;
  private readonly log: Log;
  private readonly deleted: () => void;
  private isStopped = false;
  private readonly timers: Timers;
  private cancel: Cancel | undefined;

  /** Messages are kept for `keepMs`; 0: without end. Calls `deleted` after each slice. */
  constructor(
    threads: { readonly writer: RequestTarget; readonly compactor: RequestTarget },
    keepMs: number,
    notices: ClockNotices,
    log: Log,
    deleted: () => void,
    timers: Timers,
  ) {
    this.timers = timers;
    this.writer = threads.writer;
    this.compactor = threads.compactor;
    this.keepMs = keepMs;
    this.notices = notices;
    this.log = log;
    this.deleted = deleted;
    this.later(lookFirstMs, () => this.look());
  }

  stop(): void {
    this.isStopped = true;
    this.cancel?.();
  }

  private later(delayMs: number, work: () => Promise<void>): void {
    if (this.isStopped) return;
    this.cancel = this.timers.after(delayMs, () => {
      work().catch((error: unknown) => {
        this.log.debug("Finding or deleting old messages failed; retrying.", {
          reason: reasonOf(error),
        });
        this.later(lookEveryMs, () => this.look());
      });
    });
  }

  private async look(): Promise<void> {
    const looked = await this.writer.call({ kind: "look", keepMs: this.keepMs });
    assert(looked.kind === "looked", "a look is answered with what was seen");
    if (this.isStopped) return;
    this.notices.sawIds(looked.aheadMs);
    this.notices.sawPurge(looked.waitMs, looked.wallMs, () => this.count(looked.goneUpTo));
    await this.deleteSlice();
  }

  private async deleteSlice(): Promise<void> {
    const answer = await this.writer.call({ kind: "purge" });
    const isMore = answer.kind === "more" && answer.more;
    if (this.keepMs > 0) this.deleted();
    this.later(isMore ? purgePauseMs : lookEveryMs, () => (isMore ? this.deleteSlice() : this.look()));
  }

  private async count(upTo: string): Promise<number> {
    let messages = 0;
    for (let above = "0"; messages <= surveyMessagesMax && !this.isStopped;) {
      const rowsMax = Math.min(countRowsMax, surveyMessagesMax + 1 - messages);
      const answer = await this.compactor.call({ kind: "count", above, upTo, rowsMax });
      assert(answer.kind === "counted", "a count is answered with a number");
      messages += answer.messages;
      if (answer.messages < rowsMax) break;
      above = answer.last;
      await sleep(this.timers, purgePauseMs);
    }
    return messages;
  }
}
