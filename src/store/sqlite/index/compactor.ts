// Flushes the end of the log to runs, merges runs, and drops runs whose messages were deleted. One of the processes
// that share the log does so, under a lease in the index.
//
// It works in steps of some milliseconds (sorting a run takes longest), on request, because it shares cores with
// threads that answer requests. A step changes the index in one transaction that checks the lease. A run exists only
// after its last step, so neither a suspended process nor kill -9 leaves a partial run. A run and the state's last
// flushed id are written in one transaction, so nothing is flushed twice.

import type { Database } from "bun:sqlite";
import type { Clock } from "../../../base/clock.ts";
import { OpenFiles } from "../../../base/open-files.ts";
import { checkpointLast } from "../checkpoint.ts";
import { guarded, guardedLog, IndexDamage } from "../damage.ts";
import { beginImmediate, lockWaitMsMax } from "../locking.ts";
import { FlushBuffer } from "./flush-buffer.ts";
import { Marks } from "../marks.ts";
import { allLists } from "./posting.ts";
import { RunList, type Run } from "./run.ts";
import { blocksPerRun } from "./run-block.ts";
import { RunBuilder, RunStatements } from "./run-builder.ts";
import { mergeRuns } from "./run-merge.ts";
import { LogFollower } from "./memtable.ts";

/** The number of adjacent runs of one level that are merged to a run of the next. */
const mergedRuns = 8;
/** Runs of this level (64 flushes) are not merged: that would cost more than searching them. */
const levelMax = 2;
const leaseMs = 5_000;
const stepMessages = 4_096;
/** While there is more to do, the index's write-ahead log may grow to 16 MB between checkpoints. */
const checkpointBlocksMin = 4_096;
const sweptBlocksMax = 4_096;
/** Compaction that has not reached the log's end for this long is late. */
const lateMs = 2_000;
/** The bound on unflushed messages at a start, which reads them in some tenths of a second. */
export const startMessagesMax = 1 << 18;

interface CompactorOptions {
  /** Random, for the life of the process. */
  readonly holder: string;
  /** At most 2^18. */
  readonly flushMessages: number;
  /** See isBehind. */
  readonly unflushedMax: number;
}

interface LeaseRow {
  readonly version: bigint;
  readonly holder: string;
  readonly until_ms: bigint;
}

interface Writing {
  readonly slices: Generator<void, void, void>;
  finish(): void;
}

export class Compactor {
  private readonly index: Database;
  private readonly files: OpenFiles;
  private readonly holder: string;
  private readonly clock: Clock;
  private readonly flushMessages: number;
  private readonly unflushedMax: number;
  private readonly follower: LogFollower;
  private readonly runs: RunList;
  private readonly statements: RunStatements;
  private readonly sql;
  private readonly marks: Marks;
  /** Undefined while another process compacts, and after a step has failed. */
  private buffer: FlushBuffer | undefined;
  private flushing: Writing | undefined;
  private merging: Writing | undefined;
  /** When steps began to fall behind the log's end, by the monotonic clock; undefined if the last one reached it. */
  private behindSinceMs: number | undefined;
  /** The last flushed id at which too many messages were unflushed for a start. */
  private behindAt: bigint | undefined;
  /** Blocks below this number belong to runs; all blocks do after a sweep, until the next flush or merge. */
  private sweptTo = 0;

  constructor(log: Database, index: Database, clock: Clock, { holder, flushMessages, unflushedMax }: CompactorOptions) {
    this.index = index;
    this.holder = holder;
    this.clock = clock;
    this.flushMessages = flushMessages;
    this.unflushedMax = unflushedMax;
    this.follower = new LogFollower(log, allLists);
    this.runs = new RunList(index, allLists, true);
    this.statements = new RunStatements(index);
    this.sql = {
      oldest: log.prepare<{ id: bigint }, []>("SELECT id FROM message ORDER BY id LIMIT 1"),
      unflushed: log.prepare<{ messages: bigint }, [bigint, number]>(
        "SELECT count(*) AS messages FROM (SELECT 1 FROM message WHERE id > ? LIMIT ?)",
      ),
      lease: index.prepare<LeaseRow, []>("SELECT version, holder, until_ms FROM state"),
      saveLease: index.prepare<null, [string, number]>("UPDATE state SET holder = ?, until_ms = ?"),
      saveState: index.prepare<null, [bigint]>("UPDATE state SET version = version + 1, folded_id = max(folded_id, ?)"),
      dropRun: index.prepare<null, [number]>("DELETE FROM run WHERE number = ?"),
      firstBlock: index.prepare<{ number: bigint }, [number]>(
        "SELECT number FROM block WHERE number >= ? ORDER BY number LIMIT 1",
      ),
      nextRun: index.prepare<{ number: bigint }, []>(
        "UPDATE state SET last_run = last_run + 1 RETURNING last_run AS number",
      ),
      dropBlocks: index.prepare<null, [number, number]>(
        `DELETE FROM block WHERE number IN (
           SELECT number FROM block WHERE number >= ? AND number < ? LIMIT ${sweptBlocksMax})`,
      ),
    };
    this.marks = new Marks(log);
    this.files = new OpenFiles(index.filename);
  }

  /** Runs the most urgent step; returns true if there is more to do. Throws IndexDamage or LogDamage. */
  step(): boolean {
    return guarded(() => this.stepNow());
  }

  private stepNow(): boolean {
    const more = this.transact((): boolean => {
      if (this.writeSlice(this.flushing)) return true;
      const buffer = (this.buffer ??= new FlushBuffer(this.flushMessages, this.runs.flushedId));
      this.follower.requireMessage(buffer.lastId);
      const room = Math.min(stepMessages, this.flushMessages - buffer.count);
      const read = this.follower.follow(buffer.lastId, room, (message) => buffer.add(message));
      this.behindSinceMs = read === room ? (this.behindSinceMs ?? this.clock.monotonicMs()) : undefined;
      if (buffer.count === this.flushMessages) {
        this.startFlush(buffer);
        return true;
      }
      if (read === stepMessages) return true;
      return this.writeSlice(this.merging) || this.dropOne() || this.sweep() || this.startMerge();
    });
    // Syncing this file delays commits of the log: checkpoints are few and large.
    if (this.statements.blocksWritten > (more ? checkpointBlocksMin : 0)) {
      this.statements.blocksWritten = 0;
      checkpointLast(this.index);
    }
    return more;
  }

  get isLate(): boolean {
    return this.behindSinceMs !== undefined && this.clock.monotonicMs() - this.behindSinceMs > lateMs;
  }

  /** Reports whether too many messages are unflushed for a start. */
  isBehind(): boolean {
    this.runs.refresh();
    const { flushedId } = this.runs;
    // Counting takes as long as many steps, and the result stays true until another run exists.
    if (this.behindAt === flushedId) return true;
    const found = guardedLog(() => this.sql.unflushed.get(flushedId, this.unflushedMax)?.messages ?? 0n);
    const isBehind = found >= BigInt(this.unflushedMax);
    this.behindAt = isBehind ? flushedId : undefined;
    return isBehind;
  }

  /** The number of messages in runs. */
  get flushedMessages(): number {
    return this.runs.runs.reduce((sum, run) => sum + run.messages, 0);
  }

  release(): void {
    this.transact(() => {
      this.sql.saveLease.run(this.holder, 0);
      return false;
    });
  }

  private startFlush(buffer: FlushBuffer): void {
    const builder = this.newRun();
    const finish = (): void => {
      builder.finish(0, buffer.lastId, buffer.count);
      this.sql.saveState.run(buffer.lastId);
      this.flushing = undefined;
      this.buffer = undefined;
    };
    this.flushing = { slices: buffer.build(builder), finish };
  }

  /** Writes the next slice; returns false if there is nothing to write. */
  private writeSlice(writing: Writing | undefined): boolean {
    if (writing === undefined) return false;
    if (writing.slices.next().done === true) writing.finish();
    return true;
  }

  /** Starts to merge the first eight adjacent runs of one level, if any. */
  private startMerge(): boolean {
    const { runs } = this.runs;
    for (let level = 0; level < levelMax; level++) {
      const first = runs.findIndex((_, at) => {
        const neighbours = runs.slice(at, at + mergedRuns);
        return neighbours.length === mergedRuns && neighbours.every((run) => run.level === level);
      });
      if (first < 0) continue;
      const inputs = runs.slice(first, first + mergedRuns);
      const builder = this.newRun();
      const keyedFrom = this.marks.keyedUpTo() + 1n;
      const slices = mergeRuns(inputs, builder, this.oldestId() ?? 0n, keyedFrom);
      this.merging = { slices, finish: () => this.finishMerge(inputs, builder) };
      return true;
    }
    return false;
  }

  private finishMerge(inputs: readonly Run[], builder: RunBuilder): void {
    let messages = 0;
    let level = 0;
    for (const run of inputs) {
      messages += run.messages;
      level = run.level + 1;
      this.sql.dropRun.run(run.number);
    }
    builder.finish(level, inputs.at(-1)?.lastId ?? 0n, messages);
    this.sql.saveState.run(0n);
    this.merging = undefined;
    this.sweptTo = 0;
  }

  private dropOne(): boolean {
    const [run] = this.runs.runs;
    if (run === undefined || (this.oldestId() ?? this.runs.flushedId + 1n) <= run.lastId) return false;
    this.sql.dropRun.run(run.number);
    this.sql.saveState.run(0n);
    this.sweptTo = 0;
    return true;
  }

  private oldestId(): bigint | undefined {
    return guardedLog(() => this.sql.oldest.get()?.id);
  }

  /** Deletes some blocks without a run. Call only while nothing is being flushed or merged. */
  private sweep(): boolean {
    const numbers = new Set(this.runs.runs.map((run) => run.number));
    for (;;) {
      const first = this.sql.firstBlock.get(this.sweptTo)?.number;
      if (first === undefined) return false;
      const run = Math.floor(Number(first) / blocksPerRun);
      if (!numbers.has(run)) {
        this.sql.dropBlocks.run(Number(first), (run + 1) * blocksPerRun);
        return true;
      }
      this.sweptTo = (run + 1) * blocksPerRun;
    }
  }

  /** Numbers are never reused, because readers cache runs and blocks by number. */
  private newRun(): RunBuilder {
    const number = this.sql.nextRun.get()?.number;
    if (number === undefined) throw new IndexDamage("the index has lost its state");
    return new RunBuilder(Number(number), this.statements);
  }

  /** Works in one transaction of the index under the lease; returns false while another process holds it. */
  private transact(work: () => boolean): boolean {
    if (this.isElsewhere(this.sql.lease.get())) return false;
    beginImmediate(this.index, lockWaitMsMax);
    try {
      const more = this.workIfHeld(work);
      // Messages that are flushed to a removed file would be in no run.
      if (this.files.displacement() !== undefined) throw new IndexDamage("it was removed while it was open");
      this.index.run("COMMIT");
      return more;
    } catch (error) {
      // The state in memory may be ahead of the file.
      this.forget();
      if (this.index.inTransaction) this.index.run("ROLLBACK");
      throw error;
    }
  }

  private workIfHeld(work: () => boolean): boolean {
    const row = this.sql.lease.get();
    if (row === null) throw new IndexDamage("the index has lost its state");
    if (this.isElsewhere(row)) return false;
    if (row.holder !== this.holder) this.forget();
    this.renew(row);
    this.runs.refresh();
    return work();
  }

  private isElsewhere(row: LeaseRow | null): boolean {
    const leftMs = Number(row?.until_ms ?? 0n) - this.clock.wallMs();
    const isElsewhere = row !== null && row.holder !== this.holder && leftMs > 0 && leftMs <= leaseMs;
    if (isElsewhere) this.forget();
    return isElsewhere;
  }

  private renew(row: LeaseRow): void {
    const leftMs = Number(row.until_ms) - this.clock.wallMs();
    if (row.holder === this.holder && leftMs > leaseMs / 2 && leftMs <= leaseMs) return;
    this.sql.saveLease.run(this.holder, this.clock.wallMs() + leaseMs);
  }

  private forget(): void {
    this.buffer = undefined;
    this.flushing = undefined;
    this.merging = undefined;
    this.sweptTo = 0;
    this.behindSinceMs = undefined;
  }
}
