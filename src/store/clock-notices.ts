// Reports on a store's clock, for any engine: in the log when a condition begins or ends, and as numbers for metrics
// and /health.

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { reasonOf } from "../base/reason-of.ts";
import { horizonDayMs } from "./horizon.ts";
import { surveyMessagesMax } from "./purge.ts";
import type { StoreClock } from "./store.ts";

/** Ids ahead of the clock by more than this are logged. */
const aheadMsMin = 60_000;
/** The minimum interval of the same message: a clock that keeps stepping would fill the log. */
const tellAgainMsMin = 3_600_000;

export class ClockNotices implements StoreClock {
  idsAheadMs = 0;
  purgeWaitMs = 0;
  private readonly log: Log;
  private readonly time: Pick<Clock, "monotonicMs">;
  private isAheadTold = false;
  private aheadToldMs = -Infinity;
  private isWaitTold = false;
  private waitToldMs = -Infinity;
  private isCounting = false;

  constructor(log: Log, time: Pick<Clock, "monotonicMs">) {
    this.log = log;
    this.time = time;
  }

  /** Takes how far the last id is ahead of the clock. */
  sawIds(aheadMs: number): void {
    this.idsAheadMs = aheadMs;
    if (aheadMs > aheadMsMin && !this.isAheadTold) {
      if (this.time.monotonicMs() - this.aheadToldMs < tellAgainMsMin) return;
      this.isAheadTold = true;
      this.aheadToldMs = this.time.monotonicMs();
      this.log.warn(
        "The clock is behind the newest message's id: it was ahead before, or is wrong now. Service goes on; ids " +
          "keep rising and do not tell the time until the clock has reached them.",
        { secondsAhead: Math.round(aheadMs / 1000) },
      );
    } else if (aheadMs === 0 && this.isAheadTold) {
      this.isAheadTold = false;
      this.log.info("The clock has reached the newest message's id; ids tell the time again.");
    }
  }

  /**
   * Takes, after each look at the clocks, the minimum wait before old messages are deleted (0: none). `wallMs` is the
   * time of the look; `count` counts the messages to be deleted then, up to `surveyMessagesMax` + 1.
   */
  sawPurge(waitMs: number, wallMs: number, count: () => Promise<number>): void {
    this.purgeWaitMs = waitMs;
    if (waitMs === 0) {
      if (this.isWaitTold) this.log.info("Old messages are deleted again.");
      this.isWaitTold = false;
      return;
    }
    const sinceMs = this.time.monotonicMs() - this.waitToldMs;
    if (this.isCounting || sinceMs < (this.isWaitTold ? horizonDayMs : tellAgainMsMin)) return;
    this.isCounting = true;
    const tell = (messages: string): void => {
      this.isCounting = false;
      // The wait may have ended while the messages were counted.
      if (this.purgeWaitMs === 0) return;
      this.isWaitTold = true;
      this.waitToldMs = this.time.monotonicMs();
      this.log.warn(
        "Old messages are not deleted for now: the clock was set, the machine was off, or --retention became " +
          "shorter, and deletion would leap ahead by more than a day. It goes on when the clock has run steadily " +
          "for 24 hours. `roost purge` tells more; `roost purge --now` does it at once.",
        { messages, notBefore: new Date(wallMs + waitMs).toISOString() },
      );
    };
    count().then(
      (messages) => tell(messageCount(messages)),
      (error: unknown) => tell(`unknown: ${reasonOf(error)}`),
    );
  }
}

/** Formats a count, as "more than" if it exceeds `surveyMessagesMax`. */
export function messageCount(messages: number): string {
  const isMore = messages > surveyMessagesMax;
  return `${isMore ? "more than " : ""}${Math.min(messages, surveyMessagesMax).toLocaleString("en-US")}`;
}
