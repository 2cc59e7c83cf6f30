// Timers that run when a test says so, for the client library: no test waits for a real back-off or heartbeat.

import type { Cancel } from "../../src/sdk/environment.ts";

interface Timer {
  readonly atMs: number;
  readonly action: () => void;
}

export class ManualTimers {
  private readonly timers = new Set<Timer>();
  private nowMs = 0;

  readonly after = (delayMs: number, action: () => void): Cancel => {
    const timer = { atMs: this.nowMs + delayMs, action };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  };

  get pending(): number {
    return this.timers.size;
  }

  /** Runs what is due within the next `byMs`, in order. */
  advance(byMs: number): void {
    const endMs = this.nowMs + byMs;
    for (;;) {
      const due = [...this.timers]
        .filter(({ atMs }) => atMs <= endMs)
        .toSorted((one, other) => one.atMs - other.atMs)[0];
      if (due === undefined) break;
      this.timers.delete(due);
      this.nowMs = due.atMs;
      due.action();
    }
    this.nowMs = endMs;
  }
}
