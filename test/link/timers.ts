// Timers of which a test can say how many were armed, and that none is left behind.

import { type Cancel, systemTimers, type Timers } from "../../src/base/timers.ts";

/** The event loop's, and a count of them. */
export class WatchedTimers implements Timers {
  /** How many were armed, by their delays. */
  private readonly planned = new Map<number, number>();
  private readonly cancelled = new Map<number, number>();

  readonly soon = systemTimers.soon;

  readonly after = (delayMs: number, action: () => void): Cancel => {
    countIn(this.planned, delayMs);
    const cancel = systemTimers.after(delayMs, action);
    let isCancelled = false;
    return () => {
      if (!isCancelled) countIn(this.cancelled, delayMs);
      isCancelled = true;
      cancel();
    };
  };

  /** How many of this delay were armed since `forget`. */
  armed(delayMs: number): number {
    return this.planned.get(delayMs) ?? 0;
  }

  /** How many of them nobody has cancelled. */
  left(delayMs: number): number {
    return this.armed(delayMs) - (this.cancelled.get(delayMs) ?? 0);
  }

  /** What was armed before is not counted; none of it may be left. */
  forget(): void {
    this.planned.clear();
    this.cancelled.clear();
  }
}

function countIn(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
