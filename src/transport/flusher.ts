// One flush a turn: what a turn of the event loop produces for a connection leaves in one write, at the turn's end.
// A write call costs 3 µs and a setImmediate 0.5 µs, so one setImmediate serves all connections that became dirty. Where
// that takes milliseconds, because there are thousands or the kernel is slow, the rest is flushed in the next turn, before
// what is marked meanwhile: others' requests go in between. Where too much memory waits all is flushed at once: nobody is a
// slow reader who has not been written to.

import { type Clock, systemClock } from "../base/clock.ts";
import { systemTimers, type Timers } from "../base/timers.ts";
import { OutboundPool } from "./outbound-buffer.ts";

/** Something with queued bytes. `flush` is called once for each `mark`, in a later phase of the same turn. */
export interface Flushable {
  /** Owned by the flusher: true while the object waits in its list. */
  isDirty: boolean;
  /** Contains its own bugs, so that the others get their turn; what it throws all the same ends the process. */
  flush(): void;
}

/** What the flushes of one turn may take, in milliseconds; the clock is asked after every so many of them. */
const turnMsMax = 2;
const flushesUnasked = 16;

/** The list of what is to be flushed when this turn ends. One a process is enough; tests make their own. */
export class Flusher {
  /** Where what waits for a flush lies. */
  readonly queues = new OutboundPool();
  /** Unsent bytes that the platform holds: added and taken away by the connections whose bytes they are. */
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

  /** Calls `overdrawn` after each flush that leaves more than `unsentBytesMax` in buffers or held. One watcher a flusher. */
  watch(unsentBytesMax: number, overdrawn: () => void): void {
    this.unsentBytesMax = unsentBytesMax;
    this.overdrawn = overdrawn;
  }

  /** Flushes `item` at the end of this turn; marking it again before that does nothing. */
  mark(item: Flushable): void {
    if (item.isDirty) return;
    item.isDirty = true;
    this.dirty.push(item);
    this.schedule();
  }

  /** Flushes now what is marked, or as much of it as a turn's share allows; what is marked meanwhile waits for the next turn. */
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
      // After a bug in one flush, too, should the process live on to say goodbye.
      if (flushed < batch.length) this.goOnWith(batch.slice(flushed));
      batch.length = 0;
      this.spare = batch;
    }
    if (this.isOverdrawn) this.overdrawn();
  };

  private get isOverdrawn(): boolean {
    return this.queues.buffers.takenBytes + this.heldBytes > this.unsentBytesMax;
  }

  /** The next turn begins with these, which are still marked. */
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
