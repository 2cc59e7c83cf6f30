// How long a lane gathers before it reads its source again. One batch per `gatherMs` would be several, one right after
// the other, when more comes in that time than a batch holds: each has its page read, rendered, signed and committed,
// and takes the processor from those who talk at that moment. So a lane that is told much gathers for a shorter time,
// in which somewhat less than a full batch comes.

import { pageMax } from "./log-window.ts";

/** The events of a batch that is wanted: a little more of them than before still fit into one. */
const wanted = pageMax * 0.75;

export class Gathering {
  private readonly gatherMs: number;
  /** When the present gathering began. */
  private sinceMs: number;
  /** Events that were read since then. */
  private events = 0;

  /** `gatherMs`: the longest time; `nowMs`: by the monotonic clock. */
  constructor(gatherMs: number, nowMs: number) {
    this.gatherMs = gatherMs;
    this.sinceMs = nowMs;
  }

  /**
   * Counts the events of a read, which began at `beganMs`; returns when the next one is due. `hasMore`: there is more
   * to read now, which belongs to the same gathering.
   */
  nextMs(beganMs: number, events: number, hasMore: boolean): number {
    this.events += events;
    if (hasMore) return beganMs;
    const lastedMs = beganMs - this.sinceMs;
    const waitMs = this.events === 0 ? this.gatherMs : Math.min(this.gatherMs, (lastedMs * wanted) / this.events);
    this.sinceMs = beganMs;
    this.events = 0;
    return beganMs + waitMs;
  }
}
