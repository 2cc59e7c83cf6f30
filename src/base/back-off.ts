// Exponential back-off: each pause is twice the last one, within bounds. After a long time without an attempt it starts
// again at the shortest pause.

import { systemClock } from "./clock.ts";

/** After this many times the longest pause without an attempt, the shortest pause applies again. */
const forgottenAfter = 10;

export class BackOff {
  private readonly minMs: number;
  private readonly maxMs: number;
  private lastMs = -Infinity;
  private currentMs = 0;

  constructor(minMs: number, maxMs: number) {
    this.minMs = minMs;
    this.maxMs = maxMs;
  }

  /** True if the next attempt is due. */
  get isOver(): boolean {
    return systemClock.monotonicMs() - this.lastMs >= this.currentMs;
  }

  /** The pause between the last attempt and the next one. */
  get pauseMs(): number {
    return this.currentMs;
  }

  /** Records an attempt. */
  begin(): void {
    const now = systemClock.monotonicMs();
    const isForgotten = now - this.lastMs > this.maxMs * forgottenAfter;
    this.currentMs = isForgotten ? this.minMs : Math.min(this.maxMs, this.currentMs * 2);
    this.lastMs = now;
  }
}
