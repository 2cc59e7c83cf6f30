// The compactor thread's hold on the index file: opens or makes it, compacts it, and replaces it where it is damaged.

import type { Database } from "bun:sqlite";
import type { Clock } from "../../../base/clock.ts";
import { guarded, IndexDamage } from "../damage.ts";
import { Compactor } from "./compactor.ts";
import { openOrMakeIndex, removeIndex } from "./index-file.ts";
import { beginImmediate, lockWaitMsMax } from "../locking.ts";
import { lists } from "./posting.ts";
import { RunList } from "./run.ts";

/** An index that is found damaged this often without being complete in between lies on a disk that keeps nothing. */
const rebuildsMax = 3;
/** A start does so many pieces of work at once: nobody else waits for its cores. */
const catchUpSteps = 16;

interface IndexPlace {
  readonly path: string;
  /** Random and as long-lived as the process. */
  readonly holder: string;
  /** Messages that a flush makes a run of. */
  readonly flushMessages: number;
}

export class IndexKeeper {
  private readonly log: Database;
  private readonly place: IndexPlace;
  private readonly clock: Clock;
  private index: Database;
  private compactor: Compactor;
  /** Since the index was complete. */
  private rebuilds = 0;

  constructor(log: Database, place: IndexPlace, clock: Clock) {
    this.log = log;
    this.place = place;
    this.clock = clock;
    [this.index, this.compactor] = this.locked(() => this.open());
  }

  /** One piece of work; true: there is more. */
  compact(): boolean {
    return this.compactor.step();
  }

  /** The log grows faster than it is flushed: whoever asks for pieces of work should not rest between them. */
  get isLate(): boolean {
    return this.compactor.isLate;
  }

  /**
   * Some pieces of work for a start; true: there is still too much in no run, or another process compacts it. Begins a new index where
   * this one is damaged, as far as a start reads it; throws IndexDamage when that was in vain.
   */
  catchUp(): boolean {
    try {
      for (let steps = 1; this.compactor.step() && steps < catchUpSteps;) steps++;
      if (this.compactor.isBehind()) return true;
      guarded(() => new RunList(this.index, [lists.received, lists.keyed]).refresh());
      this.rebuilds = 0;
      return false;
    } catch (error) {
      if (!(error instanceof IndexDamage)) throw error;
      if (this.rebuilds >= rebuildsMax)
        throw new IndexDamage(
          `${error.message}; so it was ${rebuildsMax} times after it had been made anew: check the disk`,
        );
      this.rebuild();
      return true;
    }
  }

  /** Begins a new index, unless another process has done that already. */
  rebuild(): void {
    this.rebuilds++;
    const before = birthOf(this.index);
    this.index.close();
    [this.index, this.compactor] = this.locked(() => {
      const there = this.open();
      if (before !== undefined && birthOf(there[0]) !== before) return there;
      there[0].close();
      removeIndex(this.place.path);
      return this.open();
    });
  }

  /** Closes the file and lets nobody else compact yet. */
  leave(): void {
    this.index.close();
  }

  close(): void {
    try {
      this.compactor.release();
      this.index.run("PRAGMA busy_timeout = 0");
      // Leaves an empty write-ahead log behind where no other process is at work.
      this.index.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      this.index.close();
    }
  }

  /** Under the lock of the log: an index and its write-ahead log must not be replaced while another process opens them. */
  private locked<T>(work: () => T): T {
    beginImmediate(this.log, lockWaitMsMax);
    try {
      return work();
    } finally {
      this.log.run("ROLLBACK");
    }
  }

  private open(): [Database, Compactor] {
    const { path, holder, flushMessages } = this.place;
    const index = openOrMakeIndex(path, this.log);
    return [index, guarded(() => new Compactor(this.log, index, holder, this.clock, flushMessages))];
  }
}

/** Which of the files that were at the index's place this one is; undefined where it cannot be read. */
function birthOf(index: Database): bigint | undefined {
  try {
    return guarded(() => index.query<{ birth: bigint }, []>("SELECT birth FROM state").get()?.birth);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
