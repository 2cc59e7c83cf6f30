// What the log says of a purge that waits (horizon.ts), so that whoever mistyped a retention, or whose clock leapt, learns
// of it a day before anything is gone: when the wait begins, once a start, and then once a day.

import type { Log } from "../base/log.ts";
import { horizonDayMs, waitMsOf, type Horizon } from "./horizon.ts";

/** Messages are counted up to this many. */
export const countedMax = 100_000;

export class PurgeNotice {
  /** How long the purge waits at least, as of the last look; 0: it does not. */
  waitMs = 0;
  private readonly log: Log;
  private readonly count: (targetMs: number) => Promise<number>;
  /** Monotonic. */
  private readonly nowMs: () => number;
  private saidMs = -Infinity;

  /** `count` tells how many messages are older than a moment, up to `countedMax` and one. */
  constructor(log: Log, count: (targetMs: number) => Promise<number>, nowMs: () => number) {
    this.log = log;
    this.count = count;
    this.nowMs = nowMs;
  }

  /** Told what each look made of the horizon of the messages, and of the wall clock at it. */
  async looked(horizon: Horizon, wallMs: number): Promise<void> {
    const wasWaiting = this.waitMs > 0;
    this.waitMs = waitMsOf(horizon);
    if (this.waitMs === 0) {
      if (wasWaiting) this.log.info("The purge of old messages goes on.");
      return;
    }
    if (wasWaiting && this.nowMs() - this.saidMs < horizonDayMs) return;
    this.saidMs = this.nowMs();
    const targetMs = wallMs - horizon.keepMs;
    const counted = await this.count(targetMs);
    this.log.warn(
      "Old messages are not deleted yet: the clock leapt, the retention became shorter, or the store was not in use for " +
        "more than a day. They go when the clock has run evenly for a day; `roost purge --now` deletes them at once.",
      {
        messages: counted > countedMax ? `more than ${countedMax}` : counted,
        writtenBefore: new Date(targetMs).toISOString(),
        earliest: new Date(wallMs + this.waitMs).toISOString(),
      },
    );
  }
}
