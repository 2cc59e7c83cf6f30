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
  private readonly parts: {
    readonly writer: RequestTarget;
    /** Counts messages, because no request waits for it. */
    readonly compactor: RequestTarget;
    /** How long messages are kept; 0: without end. */
    readonly keepMs: number;
    readonly notices: ClockNotices;
    readonly log: Log;
    /** Called after each slice. */
    readonly deleted: () => void;
    readonly timers: Timers;
  };
  private isStopped = false;
  private cancel: Cancel | undefined;

  constructor(parts: PurgeRounds["parts"]) {
    this.parts = parts;
    this.later(lookFirstMs, () => this.look());
  }

  stop(): void {
    this.isStopped = true;
    this.cancel?.();
  }

  private later(delayMs: number, work: () => Promise<void>): void {
    if (this.isStopped) return;
    this.cancel = this.parts.timers.after(delayMs, () => {
      work().catch((error: unknown) => {
        this.parts.log.debug("Finding or deleting old messages failed; retrying.", {
          reason: reasonOf(error),
        });
        this.later(lookEveryMs, () => this.look());
      });
    });
  }

  private async look(): Promise<void> {
    const looked = await this.parts.writer.call({ kind: "look", keepMs: this.parts.keepMs });
    assert(looked.kind === "looked", "a look is answered with what was seen");
    if (this.isStopped) return;
    this.parts.notices.sawIds(looked.aheadMs);
    this.parts.notices.sawPurge(looked.waitMs, looked.wallMs, () => this.count(looked.goneUpTo));
    await this.deleteSlice();
  }

  private async deleteSlice(): Promise<void> {
    const answer = await this.parts.writer.call({ kind: "purge" });
    const isMore = answer.kind === "more" && answer.more;
    if (this.parts.keepMs > 0) this.parts.deleted();
    this.later(isMore ? purgePauseMs : lookEveryMs, () => (isMore ? this.deleteSlice() : this.look()));
  }

  private async count(upTo: string): Promise<number> {
    let messages = 0;
    for (let above = "0"; messages <= surveyMessagesMax && !this.isStopped;) {
      const rowsMax = Math.min(countRowsMax, surveyMessagesMax + 1 - messages);
      const answer = await this.parts.compactor.call({ kind: "count", above, upTo, rowsMax });
      assert(answer.kind === "counted", "a count is answered with a number");
      messages += answer.messages;
      if (answer.messages < rowsMax) break;
      above = answer.last;
      await sleep(this.parts.timers, purgePauseMs);
    }
    return messages;
  }
}
