// The compactor thread's access to the index file: opens or creates it, compacts it, and replaces a damaged one.

import type { Database } from "bun:sqlite";
import type { Clock } from "../../../base/clock.ts";
import { guarded, IndexDamage } from "../damage.ts";
import { Compactor } from "./compactor.ts";
import { openOrMakeIndex, removeIndex } from "./index-file.ts";
import { beginImmediate, lockWaitMsMax } from "../locking.ts";
import { allLists } from "./posting.ts";
import { RunList } from "./run.ts";

/** After so many damaged rebuilds in a row the disk is at fault. */
const rebuildsMax = 3;
/** The number of steps at once during a start, when no request waits. */
const catchUpSteps = 16;

interface IndexPlace {
  readonly path: string;
  readonly holder: string;
  readonly flushMessages: number;
}

export class IndexKeeper {
  private readonly log: Database;
  private readonly place: IndexPlace;
  private readonly clock: Clock;
  private index: Database;
  private compactor: Compactor;
  private rebuilds = 0;

  constructor(log: Database, place: IndexPlace, clock: Clock) {
    this.log = log;
    this.place = place;
    this.clock = clock;
    [this.index, this.compactor] = this.locked(() => this.open());
  }

  compact(): boolean {
    return this.compactor.step();
  }

  /** Whether the log grows faster than it is flushed, so that steps should follow without pauses. */
  get isLate(): boolean {
    return this.compactor.isLate;
  }

  /**
   * Runs some steps for a start; returns true while too many messages are unflushed, also if another process compacts.
   * Replaces a damaged index, as far as a start reads it; throws IndexDamage if that does not help.
   */
  catchUp(): boolean {
    try {
      for (let steps = 1; this.compactor.step() && steps < catchUpSteps;) steps++;
      if (this.compactor.isBehind()) return true;
      guarded(() => new RunList(this.index, allLists).refresh());
      this.rebuilds = 0;
      return false;
    } catch (error) {
      if (!(error instanceof IndexDamage)) throw error;
      if (this.rebuilds >= rebuildsMax)
        throw new IndexDamage(`${error.message}; it was damaged again after ${rebuildsMax} rebuilds: check the disk`);
      this.rebuild();
      return true;
    }
  }

  /** Creates a new index, unless another process has replaced it already. */
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

  /** Closes the file and keeps the lease. */
  leave(): void {
    this.index.close();
  }

  close(): void {
    try {
      this.compactor.release();
      this.index.run("PRAGMA busy_timeout = 0");
      // Leaves an empty write-ahead log if no other process uses it.
      this.index.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      this.index.close();
    }
  }

  /** Holds the log's lock: the index must not be replaced while another process opens it. */
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

/** Returns the file's birth number, which differs between rebuilds; undefined if it is unreadable. */
function birthOf(index: Database): bigint | undefined {
  try {
    return guarded(() => index.query<{ birth: bigint }, []>("SELECT birth FROM state").get()?.birth);
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
