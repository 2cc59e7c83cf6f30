// How often something is tried that may be in vain: each time twice as long after the last one, within bounds; after a time
// without any it begins anew.

/** What has not been tried for so many of its longest pauses begins with the shortest one again. */
const forgottenAfter = 10;

export class BackOff {
  private readonly minMs: number;
  private readonly maxMs: number;
  private readonly nowMs: () => number;
  private lastMs = -Infinity;
  private currentMs = 0;

  /** `nowMs` is monotonic. */
  constructor(minMs: number, maxMs: number, nowMs: () => number = () => performance.now()) {
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.nowMs = nowMs;
  }

  /** It may be tried. */
  get isOver(): boolean {
    return this.nowMs() - this.lastMs >= this.currentMs;
  }

  /** Between the last try and the next one, in milliseconds. */
  get pauseMs(): number {
    return this.currentMs;
  }

  /** It is tried now. */
  begin(): void {
    const now = this.nowMs();
    const isForgotten = now - this.lastMs > this.maxMs * forgottenAfter;
    this.currentMs = isForgotten ? this.minMs : Math.min(this.maxMs, this.currentMs * 2);
    this.lastMs = now;
  }
}
