// When accounts were online last. Each node that is told that an account went offline notes the minute, and writes what
// it has noted once a minute: several nodes write the same, which changes nothing. A crash loses the last minute.
//
// Memory: one mark for each account that left since the last write, bounded; beyond the bound the oldest is lost.

import { accountKey } from "../../../base/account-key.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Time } from "../../../base/runtime.ts";
import type { ServiceMetrics } from "../../../observe/metrics.ts";
import type { LastSeen, PeopleStore } from "../../../store/people.ts";
import { StoreUnavailable } from "../../../store/store.ts";

const writeMs = 60_000;
const msPerMinute = 60_000;
const marksMax = 10_000;
/** It does not wait for the minute's end when so many are noted. */
const fullMarks = marksMax / 2;

/** Returns the present minute since 1970. */
export function minuteOf(clock: Pick<Clock, "wallMs">): number {
  return Math.floor(clock.wallMs() / msPerMinute);
}

export class Seen {
  private readonly people: Pick<PeopleStore, "markSeen">;
  private readonly metrics: Pick<ServiceMetrics, "bug">;
  private readonly time: Time;
  /** By account key, the oldest first. */
  private marks = new Map<string, LastSeen>();
  /** Those that are being written. */
  private writing: ReadonlyMap<string, LastSeen> = new Map();
  private isArmed = false;
  private pending: Promise<void> | undefined;

  constructor(people: Seen["people"], metrics: Seen["metrics"], time: Time) {
    this.people = people;
    this.metrics = metrics;
    this.time = time;
  }

  /** An account went offline now. */
  left(app: string, account: string): void {
    const key = accountKey(app, account);
    // The last one to leave is the last one to be lost.
    this.marks.delete(key);
    this.marks.set(key, { app, account, minute: minuteOf(this.time.clock) });
    this.bound();
    if (this.marks.size >= fullMarks && this.pending === undefined) void this.write();
    else this.arm();
  }

  /** Returns what is noted of an account and may not be stored yet, in minutes since 1970; 0 if nothing is. */
  minute(app: string, account: string): number {
    const key = accountKey(app, account);
    return (this.marks.get(key) ?? this.writing.get(key))?.minute ?? 0;
  }

  /** Writes what is noted; never rejects. What cannot be written is kept for the next time. */
  write(): Promise<void> {
    return (this.pending ??= this.writeOnce().finally(() => {
      this.pending = undefined;
      if (this.marks.size > 0) this.arm();
    }));
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.time.timers.after(writeMs, () => {
      this.isArmed = false;
      void this.write();
    });
  }

  private async writeOnce(): Promise<void> {
    if (this.marks.size === 0) return;
    this.writing = this.marks;
    this.marks = new Map();
    try {
      await this.people.markSeen([...this.writing.values()]);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) this.metrics.bug(error, "request");
      this.marks = new Map([...this.writing, ...this.marks]);
      this.bound();
    } finally {
      this.writing = new Map();
    }
  }

  private bound(): void {
    for (const oldest of this.marks.keys()) {
      if (this.marks.size <= marksMax) return;
      this.marks.delete(oldest);
    }
  }
}
