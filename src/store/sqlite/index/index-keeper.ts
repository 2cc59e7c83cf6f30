// The compactor thread's access to the index file: opens or creates it, compacts it, and replaces a damaged one. An
// index of the former schema is moved aside, and the other threads look up what it has until another one is built.

import type { Database } from "bun:sqlite";
import type { Clock } from "../../../base/clock.ts";
import { guarded, guardedLog, IndexDamage } from "../damage.ts";
import { Compactor, startMessagesMax } from "./compactor.ts";
import { formerPathOf, openOrMakeIndex, removeFiles, setFormerAside } from "./index-file.ts";
import { beginImmediate, lockWaitMsMax } from "../locking.ts";
import { MessageCount } from "../purge-slices.ts";
import { idMax } from "../../snowflake.ts";
import { allLists } from "./posting.ts";
import { RunList } from "./run.ts";

/** After so many damaged rebuilds in a row the disk is at fault. */
const rebuildsMax = 3;
/** The number of steps at once during a start, when no request waits. */
const catchUpSteps = 16;
const countedAtOnce = 1 << 16;

interface OpenIndex {
  readonly index: Database;
  readonly compactor: Compactor;
}

interface IndexPlace {
  readonly path: string;
  readonly holder: string;
  readonly flushMessages: number;
}

/** How far the index is built. */
export interface BuildProgress {
  /** More messages are unflushed than a start reads. */
  readonly more: boolean;
  /** A former index serves meanwhile. */
  readonly isBeside: boolean;
  /** Messages in the index. */
  readonly messages: number;
  /** Of the log's messages; undefined until these are counted. */
  readonly percent: number | undefined;
}

export class IndexKeeper {
  private readonly log: Database;
  private readonly place: IndexPlace;
  private readonly clock: Clock;
  /** Undefined where a rebuild could not open it, as without its folder: the next one may. */
  private opened: OpenIndex | undefined;
  private rebuilds = 0;
  /** A former index serves. */
  private isBeside: boolean;
  private readonly counter: MessageCount;
  private counted = 1;
  private countedTo = 0n;
  private isCounted = false;

  constructor(log: Database, place: IndexPlace, clock: Clock) {
    this.log = log;
    this.counter = new MessageCount(log);
    this.place = place;
    this.clock = clock;
    [this.isBeside, this.opened] = this.locked(() => {
      // What the former index lacks, each thread holds in memory.
      const isBeside = setFormerAside(place.path, log, startMessagesMax);
      return [isBeside, this.open()];
    });
  }

  private get index(): Database {
    return this.required.index;
  }

  private get compactor(): Compactor {
    return this.required.compactor;
  }

  private get required(): OpenIndex {
    if (this.opened === undefined) throw new IndexDamage("the index could not be opened again");
    return this.opened;
  }

  compact(): boolean {
    return this.compactor.step();
  }

  /** Whether the log grows faster than it is flushed, so that steps should follow without pauses. */
  get isLate(): boolean {
    return this.compactor.isLate;
  }

  /**
   * Runs some steps for a start; there are more to do while too many messages are unflushed, also if another process
   * compacts. Replaces a damaged index, as far as a start reads it; throws IndexDamage if that does not help. The last
   * call removes a former index, so that the other threads must open this one.
   */
  catchUp(): BuildProgress {
    const { isBeside } = this;
    try {
      for (let steps = 1; this.compactor.step() && steps < catchUpSteps;) steps++;
      if (this.compactor.isBehind()) return { more: true, isBeside, ...this.progress() };
      guarded(() => new RunList(this.index, allLists).refresh());
      this.removeFormer();
      this.rebuilds = 0;
      return { more: false, isBeside, messages: this.compactor.flushedMessages, percent: undefined };
    } catch (error) {
      if (!(error instanceof IndexDamage)) throw error;
      if (this.rebuilds >= rebuildsMax)
        throw new IndexDamage(`${error.message}; it was damaged again after ${rebuildsMax} rebuilds: check the disk`);
      this.remake();
      return { more: true, isBeside, ...this.progress() };
    }
  }

  /** Creates a new index, unless another process has replaced it already, and removes a former one. */
  rebuild(): void {
    this.removeFormer();
    this.remake();
  }

  private remake(): void {
    this.rebuilds++;
    const { opened } = this;
    const before = opened && birthOf(opened.index);
    opened?.index.close();
    this.opened = undefined;
    this.opened = this.locked(() => {
      const there = this.open();
      if (before !== undefined && birthOf(there.index) !== before) return there;
      there.index.close();
      removeFiles(this.place.path);
      return this.open();
    });
  }

  /** Counts some more messages of the log, which is faster than to flush them. */
  private progress(): { readonly messages: number; readonly percent: number | undefined } {
    if (!this.isCounted) {
      const { messages, last } = guardedLog(() => this.counter.count(this.countedTo, idMax, countedAtOnce));
      this.counted += messages;
      this.countedTo = last;
      this.isCounted = messages < countedAtOnce;
    }
    const messages = this.compactor.flushedMessages;
    return {
      messages,
      percent: this.isCounted ? Math.min(99, Math.floor((messages * 100) / this.counted)) : undefined,
    };
  }

  private removeFormer(): void {
    if (this.isBeside) removeFiles(formerPathOf(this.place.path));
    this.isBeside = false;
  }

  /** Closes the file and keeps the lease. */
  leave(): void {
    this.opened?.index.close();
  }

  close(): void {
    if (this.opened === undefined) return;
    const { index, compactor } = this.opened;
    try {
      compactor.release();
      index.run("PRAGMA busy_timeout = 0");
      // Leaves an empty write-ahead log if no other process uses it.
      index.run("PRAGMA wal_checkpoint(TRUNCATE)");
    } finally {
      index.close();
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

  private open(): OpenIndex {
    const { path, holder, flushMessages } = this.place;
    const index = openOrMakeIndex(path, this.log);
    return { index, compactor: guarded(() => new Compactor(this.log, index, holder, this.clock, flushMessages)) };
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
