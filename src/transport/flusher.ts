// One flush a turn: what a turn of the event loop produces for a connection leaves in one write, at the turn's end.
// A write call costs 3 µs and a setImmediate 0.5 µs, so one setImmediate serves all dirty connections. If that takes
// milliseconds, because there are thousands or the kernel is slow, the rest is flushed in the next turn, before
// connections marked meanwhile, so that requests are read in between. If too much memory waits, all is flushed at once:
// no connection counts as a slow reader before it was written to.

import { type Clock, systemClock } from "../base/clock.ts";
import { systemTimers, type Timers } from "../base/timers.ts";
import { OutboundPool } from "./outbound-buffer.ts";

/** Something with queued bytes. `flush` is called once for each `mark`, in a later phase of the same turn. */
export interface Flushable {
  /** Owned by the flusher: true while the object waits in its list. */
  isDirty: boolean;
  /** Must contain its own bugs, so that the others get their turn; what it throws ends the process. */
  flush(): void;
}

/** The time for the flushes of one turn, in milliseconds, and the number of flushes between two looks at the clock. */
const turnMsMax = 2;
const flushesUnasked = 16;

/** The list of objects to flush when this turn ends. One for each process is enough; tests make their own. */
export class Flusher {
  /** The queues of connections with unsent bytes. */
  readonly queues = new OutboundPool();
  /** Unsent bytes that the platform holds; their connections add and subtract them. */
  heldBytes = 0;
  private dirty: Flushable[] = [];
  private spare: Flushable[] = [];
  private scheduled = false;
  private unsentBytesMax = Number.POSITIVE_INFINITY;
  private overdrawn: () => void = () => undefined;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly soon: Timers["soon"];

  constructor(clock: Pick<Clock, "monotonicMs"> = systemClock, soon = systemTimers.soon) {
    this.clock = clock;
    this.soon = soon;
  }

  /** Calls `overdrawn` after each flush that leaves more than `unsentBytesMax` unsent. A flusher has one watcher. */
  watch(unsentBytesMax: number, overdrawn: () => void): void {
    this.unsentBytesMax = unsentBytesMax;
    this.overdrawn = overdrawn;
  }

  /** Flushes `item` at the end of this turn. Idempotent until then. */
  mark(item: Flushable): void {
    if (item.isDirty) return;
    item.isDirty = true;
    this.dirty.push(item);
    this.schedule();
  }

  /** Flushes what is marked, as far as the time of a turn allows; what is marked meanwhile waits for the next turn. */
  readonly flushAll = (): void => {
    this.scheduled = false;
    const batch = this.dirty;
    this.dirty = this.spare;
    this.spare = [];
    const isLong = batch.length > flushesUnasked;
    const endMs = isLong ? this.clock.monotonicMs() + turnMsMax : 0;
    let flushed = 0;
    try {
      for (const item of batch) {
        if (
          isLong &&
          flushed > 0 &&
          flushed % flushesUnasked === 0 &&
          this.clock.monotonicMs() >= endMs &&
          !this.isOverdrawn
        )
          break;
        flushed++;
        item.isDirty = false;
        item.flush();
      }
    } finally {
      // Also after a bug in one flush, in case the process still shuts down in order.
      if (flushed < batch.length) this.goOnWith(batch.slice(flushed));
      batch.length = 0;
      this.spare = batch;
    }
    if (this.isOverdrawn) this.overdrawn();
  };

  private get isOverdrawn(): boolean {
    return this.queues.buffers.takenBytes + this.heldBytes > this.unsentBytesMax;
  }

  /** Puts these, which are still marked, first in the next turn. */
  private goOnWith(left: Flushable[]): void {
    this.dirty = left.concat(this.dirty);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.soon(this.flushAll);
  }
}
