// Time for a simulation: events in the order of their moments, equal moments in the order of their planning.

import type { Clock } from "../../src/base/clock.ts";
import type { Cancel, Timers } from "../../src/base/timers.ts";

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
  isOff: boolean;
}

export class VirtualTime {
  nowMs = 0;
  /** How far the wall clocks of all machines have been stepped. */
  wallSteppedMs = 0;
  private readonly heap: Event[] = [];
  private planned = 0;

  /** Runs an action `delayMs` from now. */
  after(delayMs: number, action: () => void): Cancel {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), order: this.planned++, action, isOff: false };
    this.push(event);
    return () => void (event.isOff = true);
  }

  /** Runs everything up to a moment `byMs` from now. */
  advance(byMs: number): void {
    const endMs = this.nowMs + byMs;
    for (let next = this.heap[0]; next !== undefined && next.atMs <= endMs; next = this.heap[0]) {
      this.pop();
      if (next.isOff) continue;
      this.nowMs = next.atMs;
      next.action();
    }
    this.nowMs = endMs;
  }

  /** Timers that stop working when `isAlive` turns false, as those of a process do. */
  timersOf(isAlive: () => boolean): Timers {
    const guarded = (action: () => void) => (): void => {
      if (isAlive()) action();
    };
    return {
      after: (delayMs, action) => this.after(delayMs, guarded(action)),
      soon: (action) => void this.after(0, guarded(action)),
    };
  }

  /** A machine's clocks; its wall clock is `skewMs` ahead. */
  clock(skewMs: number): Clock {
    const wallMs = (): number => 1_800_000_000_000 + this.nowMs + skewMs + this.wallSteppedMs;
    return {
      wallMs,
      wallNs: () => BigInt(Math.round(wallMs() * 1e3)) * 1_000n,
      // Another machine's monotonic clock began at another moment.
      monotonicMs: () => this.nowMs + Math.abs(skewMs) * 3,
    };
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.push(event) - 1;
    for (;;) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (at === 0 || above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child++;
      const least = heap[child];
      if (least === undefined || !isBefore(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
