// Which timers of one delay are still armed, so that a test can say that none is left behind.

import { spyOn } from "bun:test";

/** Counts the timers of the platform with these delays from now on; they work as ever. */
export class WatchedTimers {
  private readonly delays: readonly number[];
  private readonly set = spyOn(globalThis, "setTimeout");
  private readonly cleared = spyOn(globalThis, "clearTimeout");

  constructor(...delays: number[]) {
    this.delays = delays;
    // A spy may be there already: what it saw before is not of this watch.
    this.set.mockClear();
    this.cleared.mockClear();
  }

  /** How many were set. */
  get armed(): number {
    return this.ids().length;
  }

  /** How many of them nobody has cleared. */
  get left(): number {
    const cleared = new Set<unknown>(this.cleared.mock.calls.map(([id]) => id));
    return this.ids().filter((id) => !cleared.has(id)).length;
  }

  stop(): void {
    this.set.mockRestore();
    this.cleared.mockRestore();
  }

  private ids(): unknown[] {
    const { calls, results } = this.set.mock;
    return results.filter((_, at) => this.delays.includes(Number(calls[at]?.[1]))).map(({ value }): unknown => value);
  }
}
