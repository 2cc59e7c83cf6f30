// Time that passes when a test says so: no test waits for a real back-off or heartbeat, nor for what must not happen.

import { until } from "../../scripts/harness/until.ts";
import type { Clock } from "../../src/base/clock.ts";
import { type Cancel, systemTimers, type Timers } from "../../src/base/timers.ts";

/** Between two waits for what is outside of the process. */
const stepsAtOnce = 4;

interface Timer {
  readonly atMs: number;
  readonly action: () => void;
}

/** Timers and the clock that they go by. It passes where a `Runtime` without randomness is wanted. */
export class ManualTimers implements Timers, Clock {
  readonly clock = this;
  readonly timers = this;
  private readonly planned = new Set<Timer>();
  /** On the monotonic clock. */
  nowMs = 0;
  /**
   * How far the wall clock is ahead of it: that begins with the true time, because tokens and files have true times.
   */
  wallAheadMs = Date.now();

  readonly after = (delayMs: number, action: () => void): Cancel => {
    const timer = { atMs: this.nowMs + delayMs, action };
    this.planned.add(timer);
    return () => void this.planned.delete(timer);
  };

  /** Turns of the event loop are those of the machine. */
  readonly soon = systemTimers.soon;
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

  /** Lets time pass until something is true, for what takes an unknown number of tries; sockets get their turns. */
  async until(isSo: () => boolean | Promise<boolean>, what: string, stepMs = 100): Promise<void> {
    await until(async () => {
      for (let step = 0; step < stepsAtOnce; step++) {
        if (await isSo()) return true;
        this.advance(stepMs);
        await Bun.sleep(0);
      }
      return isSo();
    }, what);
  }

  /** Lets time pass while a promise is awaited. */
  async during<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settled = (): void => void (isSettled = true);
    promise.then(settled, settled);
    await this.until(() => isSettled, "what was begun ends");
    return promise;
  }
}
