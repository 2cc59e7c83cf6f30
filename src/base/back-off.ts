// How often something is tried that may be in vain: each time twice as long after the last one, within bounds; after a time
// without any it begins anew.

import { type Clock, systemClock } from "./clock.ts";

/** What has not been tried for so many of its longest pauses begins with the shortest one again. */
const forgottenAfter = 10;

export class BackOff {
  private readonly minMs: number;
  private readonly maxMs: number;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private lastMs = -Infinity;
  private currentMs = 0;

  constructor(minMs: number, maxMs: number, clock: Pick<Clock, "monotonicMs"> = systemClock) {
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.clock = clock;
  }

  /** It may be tried. */
  get isOver(): boolean {
    return this.clock.monotonicMs() - this.lastMs >= this.currentMs;
  }

  /** Between the last try and the next one, in milliseconds. */
  get pauseMs(): number {
    return this.currentMs;
  }

  /** It is tried now. */
  begin(): void {
    const now = this.clock.monotonicMs();
    const isForgotten = now - this.lastMs > this.maxMs * forgottenAfter;
    this.currentMs = isForgotten ? this.minMs : Math.min(this.maxMs, this.currentMs * 2);
    this.lastMs = now;
  }
}
