// The waits of something that can be ended: all of them end at once then.

import type { Cancel, Timers } from "../base/timers.ts";

export class Pauses {
  private readonly timers: Pick<Timers, "after">;
  private readonly controller = new AbortController();
  isEnded = false;
  private readonly waiting = new Set<() => void>();

  constructor(timers: Pick<Timers, "after">) {
    this.timers = timers;
  }

  /** Aborted at the end, `graceMs` later. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Ends all waits; what is under way may go on for so long. */
  end(graceMs: number): void {
    this.isEnded = true;
    this.wake();
    this.timers.after(graceMs, () => this.controller.abort());
  }

  /** Ends the waits that last, and nothing else. */
  wake(): void {
    for (const resume of [...this.waiting]) resume();
  }

  /** Resolves after at least `ms`, or when it is woken or ended. */
  pause(ms: number): Promise<void> {
    if (this.isEnded || ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      let cancel: Cancel = () => undefined;
      const resume = (): void => {
        cancel();
        this.waiting.delete(resume);
        resolve();
      };
      this.waiting.add(resume);
      cancel = this.timers.after(ms, resume);
    });
  }
}
