// One timer for tens of thousands of deadlines. Arming and clearing a deadline costs a few list links; a timer of the
// platform costs 0.3 µs and its own memory. Precision is one tick; a deadline never fires early. Deadlines that are
// renewed often (a read wait) store the time of the last activity and re-arm when they fire.

import { assert } from "./assert.ts";
import { backgroundTime, type Time } from "./runtime.ts";
import { type Cancel, every } from "./timers.ts";

/** `Deadline.slot` of a deadline that is not armed, and of one that expires in this tick. */
const unarmed = -1;
const due = -2;

/** Something that expires. Extend it: the wheel owns the links. */
export abstract class Deadline {
  /** Owned by the wheel. */
  slot = unarmed;
  rounds = 0;
  previous: Deadline | undefined;
  next: Deadline | undefined;

  /**
   * Called once when the armed time has passed; may arm itself again. An exception ends the process: a deadline of a
   * connection contains its own bugs.
   */
  abstract expire(): void;
}

/** A hashed timer wheel (Varghese and Lauck, 1987): arm and disarm in constant time. */
export class TimerWheel {
  private readonly heads: (Deadline | undefined)[];
  private cursor = 0;
  private end: Cancel | undefined;
  /** Milliseconds since the wheel was created, advanced by ticks: a clock that costs nothing to read. */
  nowMs = 0;
  /** The wheel's precision, in milliseconds. */
  readonly tickMs: number;

  constructor(tickMs = 100, slots = 512) {
    this.tickMs = tickMs;
    assert(tickMs > 0 && slots > 1, "a timer wheel has ticks and slots");
    this.heads = Array.from({ length: slots }, () => undefined);
  }

  /** Ticks by a monotonic clock until `stop`. Tests call `advance` instead. */
  start({ clock, timers }: Time = backgroundTime): void {
    let last = clock.monotonicMs();
    this.end = every(timers, this.tickMs, () => {
      const now = clock.monotonicMs();
      // Deadlines that were armed just before a stall must not fire: it makes up for one second at most.
      const elapsed = Math.min(now - last, 1000);
      const ticks = Math.floor(elapsed / this.tickMs);
      last = elapsed < now - last ? now : last + ticks * this.tickMs;
      this.advance(ticks * this.tickMs);
    });
  }

  stop(): void {
    this.end?.();
    this.end = undefined;
  }

  /** Arms or re-arms a deadline: it expires after at least `delayMs`. */
  arm(deadline: Deadline, delayMs: number): void {
    this.disarm(deadline);
    const ticks = Math.max(1, Math.ceil(delayMs / this.tickMs) + 1);
    const slot = (this.cursor + ticks) % this.heads.length;
    deadline.slot = slot;
    deadline.rounds = Math.floor((ticks - 1) / this.heads.length);
    const head = this.heads[slot];
    deadline.next = head;
    deadline.previous = undefined;
    if (head !== undefined) head.previous = deadline;
    this.heads[slot] = deadline;
  }

  /** Disarms a deadline; does nothing if it is not armed. */
  disarm(deadline: Deadline): void {
    if (deadline.slot === unarmed) return;
    if (deadline.slot === due) {
      // Already removed from its slot: expireSlot skips it.
      deadline.slot = unarmed;
      return;
    }
    if (deadline.previous === undefined) this.heads[deadline.slot] = deadline.next;
    else deadline.previous.next = deadline.next;
    if (deadline.next !== undefined) deadline.next.previous = deadline.previous;
    deadline.previous = undefined;
    deadline.next = undefined;
    deadline.slot = unarmed;
  }

  /** Advances time by whole ticks and expires what is due. */
  advance(elapsedMs: number): void {
    for (let ticks = Math.floor(elapsedMs / this.tickMs); ticks > 0; ticks--) {
      this.nowMs += this.tickMs;
      this.cursor = (this.cursor + 1) % this.heads.length;
      this.expireSlot();
    }
  }

  private expireSlot(): void {
    // Collected first: an expiring deadline may disarm its neighbours or arm itself in this slot.
    const batch: Deadline[] = [];
    for (let at = this.heads[this.cursor]; at !== undefined; at = at.next) {
      if (at.rounds === 0) batch.push(at);
      else at.rounds--;
    }
    for (const deadline of batch) {
      this.disarm(deadline);
      deadline.slot = due;
    }
    for (const deadline of batch) {
      if (deadline.slot !== due) continue;
      deadline.slot = unarmed;
      deadline.expire();
    }
  }
}
