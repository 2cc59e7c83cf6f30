// The compactor thread's access to the index file: opens or creates it, compacts it, and replaces a damaged one. Until
// it is complete for the first time, the other threads look up what an index of the former schema has, which is left
// alone: a process of the former release may be writing it.

import type { Database } from "bun:sqlite";
import type { Clock } from "../../../base/clock.ts";
import { fileIdentity } from "../../../base/file-identity.ts";
import { guarded, guardedLog, IndexDamage } from "../damage.ts";
import { Compactor, startMessagesMax } from "./compactor.ts";
import { isFormerUsable, removeEarlier } from "./former-index.ts";
import { openOrMakeIndex, removeIndex, setStage, type Stage, stageOf, stages } from "./index-file.ts";
import { withoutOtherWriters } from "../locking.ts";
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
  /** Of the file. Its rows do not tell it from one that has replaced it: they may be what is damaged. */
  readonly identity: string;
  readonly compactor: Compactor;
}

interface IndexPlace {
  readonly path: string;
  readonly holder: string;
  readonly flushMessages: number;
  /** The bound on unflushed messages at a start; startMessagesMax unless a test says another. */
  readonly unflushedMax?: number;
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
    [this.opened, this.isBeside] = withoutOtherWriters(log, () => {
      const opened = this.open(stages.building);
      return [opened, this.isBehindFormer(opened)];
    });
  }

  private get unflushedMax(): number {
    return this.place.unflushedMax ?? startMessagesMax;
  }

  /**
   * Whether an index of the former schema serves until this one is complete. It does so again where, for long, only
   * processes of the former release have run. What it lacks, each thread holds in memory.
   */
  private isBehindFormer({ index, compactor }: OpenIndex): boolean {
    const isUsable = (): boolean => isFormerUsable(this.place.path, this.log, this.unflushedMax);
    try {
      const stage = stageOf(index);
      if (stage === stages.rebuilding || !compactor.isBehind() || !isUsable()) return false;
      setStage(index, stages.building);
      return true;
    } catch (error) {
      if (!(error instanceof IndexDamage)) throw error;
      // The first step of a start replaces it.
      return isUsable();
    }
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
   * compacts. Replaces a damaged index, as far as a start reads it; throws IndexDamage if that does not help. After the
   * last call, threads that have a former index open must be told to open this one.
   */
  catchUp(): BuildProgress {
    const { isBeside } = this;
    try {
      for (let steps = 1; this.compactor.step() && steps < catchUpSteps;) steps++;
      if (this.compactor.isBehind()) return { more: true, isBeside, ...this.progress() };
      guarded(() => new RunList(this.index, allLists).refresh());
      setStage(this.index, stages.complete);
      this.isBeside = false;
      this.rebuilds = 0;
      return { more: false, isBeside, messages: this.compactor.flushedMessages, percent: undefined };
    } catch (error) {
      if (!(error instanceof IndexDamage)) throw error;
      if (this.rebuilds >= rebuildsMax)
        throw new IndexDamage(`${error.message}; it was damaged again after ${rebuildsMax} rebuilds: check the disk`);
      this.remake(isBeside ? stages.building : stages.rebuilding);
      return { more: true, isBeside, ...this.progress() };
    }
  }

  /**
   * Creates a new index, unless another process has replaced it already. A former one does not serve any more: it may
   * be what a thread has found damaged.
   */
  rebuild(): void {
    this.isBeside = false;
    this.remake(stages.rebuilding);
  }

  private remake(stage: Stage): void {
    this.rebuilds++;
    const { opened } = this;
    opened?.index.close();
    this.opened = undefined;
    this.opened = withoutOtherWriters(this.log, () => {
      // What another process has made meanwhile stays.
      const { path } = this.place;
      if (opened !== undefined && fileIdentity(path) === opened.identity) removeIndex(path);
      return this.open(stage);
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

  /** Removes indexes of earlier schemas that no process has open, once this one is complete. */
  removeEarlier(): void {
    if (stageOf(this.index) !== stages.complete) return;
    withoutOtherWriters(this.log, () => removeEarlier(this.place.path));
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

  /** Call with the log's lock: the index must not be replaced while another process opens it. */
  private open(stage: Stage): OpenIndex {
    const { path } = this.place;
    const index = openOrMakeIndex(path, this.log, stage);
    const { clock, unflushedMax } = this;
    const place = { ...this.place, unflushedMax };
    const identity = fileIdentity(path);
    return { index, identity, compactor: guarded(() => new Compactor(this.log, index, clock, place)) };
  }
}
