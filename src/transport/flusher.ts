// One flush a turn: what a turn of the event loop produces for a connection leaves in one write, at the turn's end.
// A write call costs 3 µs and a setImmediate 0.5 µs, so one setImmediate serves all connections that became dirty.

import { OutboundPool } from "./outbound-buffer.ts";

/** Something with queued bytes. `flush` is called once for each `mark`, in a later phase of the same turn. */
export interface Flushable {
  /** Owned by the flusher: true while the object waits in its list. */
  isDirty: boolean;
  /** Contains its own bugs, so that the others get their turn; what it throws all the same ends the process. */
  flush(): void;
}

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
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.flushAll);
  }

  /** Flushes now what is marked; what is marked meanwhile waits for the next turn. */
  readonly flushAll = (): void => {
    this.scheduled = false;
    const batch = this.dirty;
    this.dirty = this.spare;
    this.spare = [];
    let flushed = 0;
    try {
      for (const item of batch) {
        flushed++;
        item.isDirty = false;
        item.flush();
      }
    } finally {
      // After a bug in one flush the others still get theirs, should the process live on to say goodbye.
      if (flushed < batch.length) {
        for (const item of batch.slice(flushed)) {
          item.isDirty = false;
          this.mark(item);
        }
      }
      batch.length = 0;
      this.spare = batch;
    }
    if (this.queues.buffers.takenBytes + this.heldBytes > this.unsentBytesMax) this.overdrawn();
  };
}
