// Time that passes when a test says so: no test waits for a real back-off or heartbeat, nor for what must not happen.

import type { Clock } from "../../src/base/clock.ts";
import type { Cancel, Timers } from "../../src/base/timers.ts";

interface Timer {
  readonly atMs: number;
  readonly action: () => void;
}

/** Timers and the clock that they go by. It passes where a `Runtime` without randomness is wanted. */
export class ManualTimers implements Timers, Clock {
  readonly clock = this;
  readonly timers = this;
  private readonly planned = new Set<Timer>();
  /** Both clocks show it; the wall clock can be set. */
  nowMs = 0;
  /** How far the wall clock is ahead of the monotonic one. */
  wallAheadMs = 0;

  readonly after = (delayMs: number, action: () => void): Cancel => {
    const timer = { atMs: this.nowMs + delayMs, action };
    this.planned.add(timer);
    return () => void this.planned.delete(timer);
  };

  readonly soon = (action: () => void): void => void this.after(0, action);
  readonly monotonicMs = (): number => this.nowMs;
  readonly wallMs = (): number => this.nowMs + this.wallAheadMs;
  readonly wallNs = (): bigint => BigInt(Math.ceil(this.wallMs() * 1_000)) * 1_000n;

  get pending(): number {
    return this.planned.size;
  }

  /** Runs what is due within the next `byMs`, in order. */
  advance(byMs: number): void {
    const endMs = this.nowMs + byMs;
    for (;;) {
      const due = [...this.planned]
        .filter(({ atMs }) => atMs <= endMs)
        .toSorted((one, other) => one.atMs - other.atMs)[0];
      if (due === undefined) break;
      this.planned.delete(due);
      this.nowMs = due.atMs;
      due.action();
    }
    this.nowMs = endMs;
  }

  /** As `advance`, in steps after each of which promises settle. */
  async pass(byMs: number, stepMs = byMs): Promise<void> {
    for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) {
      this.advance(Math.min(stepMs, leftMs));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
