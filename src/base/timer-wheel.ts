// Deadlines by the ten thousand: one timer for all of them. A deadline that is armed and cleared costs a few list
// links, where a timer of the platform costs 0.3 µs and memory of its own. Precision is one tick; a deadline never
// fires early. What renews often (a read wait) stores the time of its last activity and re-arms when it fires.

import { assert } from "./assert.ts";
import { backgroundTime, type Time } from "./runtime.ts";
import { type Cancel, every } from "./timers.ts";

/** `Deadline.slot` of one that is not armed, and of one whose time has come in this very tick. */
const unarmed = -1;
const due = -2;

/** Something that expires. Embed or extend it: the links are the wheel's. */
export abstract class Deadline {
  /** Owned by the wheel. */
  slot = unarmed;
  rounds = 0;
  previous: Deadline | undefined;
  next: Deadline | undefined;

  /**
   * Called once when armed time has passed; may arm itself again. What it throws ends the process: a deadline of one
   * connection contains its own bugs.
   */
  abstract expire(): void;
}

/** A hashed timer wheel (Varghese and Lauck, 1987): arm and disarm in constant time. */
export class TimerWheel {
  private readonly heads: (Deadline | undefined)[];
  private cursor = 0;
  private end: Cancel | undefined;
  /** Milliseconds since the wheel was made, advanced by ticks: a clock that costs nothing to read. */
  nowMs = 0;
  /** The wheel's precision, in milliseconds. */
  readonly tickMs: number;

  constructor(tickMs = 100, slots = 512) {
    this.tickMs = tickMs;
    assert(tickMs > 0 && slots > 1, "a timer wheel has ticks and slots");
    this.heads = Array.from({ length: slots }, () => undefined);
  }

  /** Ticks by a monotonic clock until `stop`; without it a test calls `advance`. */
  start({ clock, timers }: Time = backgroundTime): void {
    let last = clock.monotonicMs();
    this.end = every(timers, this.tickMs, () => {
      const now = clock.monotonicMs();
      // A stall of the event loop must not fire what was armed just before it: at most one second is made up at once.
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

  /** Arms (or re-arms) a deadline: it expires after at least `delayMs`. */
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

  /** Takes a deadline out; nothing happens when it is not armed. */
  disarm(deadline: Deadline): void {
    if (deadline.slot === unarmed) return;
    if (deadline.slot === due) {
      // Taken out already, and waiting for its turn in expireSlot, which now passes it over.
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

  /** Moves time forward by whole ticks and expires what is due. */
  advance(elapsedMs: number): void {
    for (let ticks = Math.floor(elapsedMs / this.tickMs); ticks > 0; ticks--) {
      this.nowMs += this.tickMs;
      this.cursor = (this.cursor + 1) % this.heads.length;
      this.expireSlot();
    }
  }

  private expireSlot(): void {
    // Collected first: an expiring deadline may disarm its neighbours or arm itself into this very slot.
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
