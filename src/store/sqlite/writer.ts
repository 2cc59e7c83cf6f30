// The one connection of this process that writes. A batch is one transaction: it takes the write lock, looks at the
// lease and the clock, takes its ids from the row that holds the last one, and saves that row; so ids follow the order
// of commits over all writers of the file.
//
// The clock: all writers of a file are on one machine and share its clock, so a writer "ahead" of the others cannot
// be; a row in the past means that nobody wrote for a while (or that the machine slept). A row more than 60 s in the
// future means that the clock was stepped back, and is refused: ids and times would lie, retention would err.

import type { Database } from "bun:sqlite";
import type { Clock } from "../../base/clock.ts";
import { idempotencyHours } from "../../base/limits.ts";
import { outcome, outcomeSlots, type Job } from "../jobs.ts";
import { IdSequence, smallestIdAt, snowflakeEpochMs } from "../snowflake.ts";
import { LogDamage } from "./damage.ts";
import { FileGuard } from "./file-guard.ts";
import { GroupWriter } from "./group-writer.ts";
import { beginImmediate, lockRetryMsMax, lockWaitMsMax } from "./locking.ts";
import type { LogIndex } from "./log-index.ts";
import { Names } from "./names.ts";
import { NodeLease } from "./node-lease.ts";
import { FilesMoved, Refusal } from "./refusal.ts";
import { TalkWriter, type Outcome } from "./talk-writer.ts";

const clockBehindMsMax = 60_000;
/** Rows deleted in one transaction: short enough that talks wait a few milliseconds at most. */
const purgeRowsMax = 2_000;
/** A batch waits so long while folds lag behind. */
const lagPauseMs = 2;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

export class Writer {
  private readonly db: Database;
  private readonly files: FileGuard;
  private readonly clock: Clock;
  private readonly index: LogIndex;
  private readonly names: Names;
  private readonly lease: NodeLease;
  private readonly talks: TalkWriter;
  private readonly groups: GroupWriter;
  private readonly sequence;
  private readonly saveSequence;
  private readonly moveCursor;
  private readonly purgeMessages;
  private readonly purgeWindows;
  /** The store's last id when this writer began: a node number may have had another holder before. */
  private ownAbove: bigint | undefined;
  /** The last wait for the lock was in vain: those who come now are not kept waiting as long. */
  private isLockedOut = false;

  /** `path` is that of `db`; `index` keeps the lists received and keyed. */
  constructor(db: Database, path: string, index: LogIndex, holder: string, clock: Clock) {
    this.db = db;
    this.index = index;
    this.clock = clock;
    this.names = new Names(db);
    this.lease = new NodeLease(db, holder);
    this.talks = new TalkWriter(db, this.names, index);
    this.groups = new GroupWriter(db, this.names);
    this.sequence = db.prepare<{ last_id: bigint; committed_ms: bigint }, []>(
      "SELECT last_id, committed_ms FROM sequence",
    );
    this.saveSequence = db.prepare<null, [bigint, number]>(
      "UPDATE sequence SET last_id = ?, committed_ms = max(committed_ms, ?)",
    );
    this.moveCursor = db.prepare<null, [bigint, string, bigint]>(
      `INSERT INTO cursor (account, device, acked) VALUES (?, ?, ?)
       ON CONFLICT (account, device) DO UPDATE SET acked = excluded.acked WHERE excluded.acked > acked`,
    );
    this.purgeMessages = db.prepare<null, [bigint, number]>(
      "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE id < ? ORDER BY id LIMIT ?)",
    );
    this.purgeWindows = db.prepare<null, [bigint, number]>(
      "DELETE FROM member WHERE number IN (SELECT number FROM member WHERE until_id < ? LIMIT ?)",
    );
    this.files = new FileGuard(db, path);
  }

  /** Commits all jobs, or none and throws. Slots of job i start at i × outcomeSlots. */
  commit(jobs: readonly Job[]): BigInt64Array<ArrayBuffer> {
    if (this.index.isLong) Atomics.wait(sleeper, 0, 0, lagPauseMs);
    return this.transact((ids, wallMs) => {
      const committedLast = ids.last;
      const numbers = new BigInt64Array(jobs.length * outcomeSlots);
      // Times of one batch differ by their order: ids and times never disagree.
      let sentNs = BigInt(wallMs) * 1_000_000n;
      for (const [index, job] of jobs.entries()) {
        numbers.set(this.perform(job, ids, wallMs, sentNs++, committedLast), index * outcomeSlots);
      }
      return numbers;
    });
  }

  /** Takes or extends the lease of the node number, and finds out whether the store can commit. */
  renew(): void {
    this.transact((ids) => ids.node);
  }

  /** Throws FilesMoved, with everything committed in the database, when a file beside the database was taken away. */
  look(): void {
    try {
      this.files.check();
    } catch (error) {
      if (error instanceof FilesMoved) this.files.rescue();
      throw error;
    }
  }

  /** Deletes a slice of what is older than `keepMs` (but never below the hours of idempotency); true: there is more. */
  purge(keepMs: number): boolean {
    const bounded = Math.max(keepMs, idempotencyHours * 3_600_000);
    const oldest = smallestIdAt(this.clock.wallMs() - bounded);
    return this.transact(() => {
      const messages = this.purgeMessages.run(oldest, purgeRowsMax).changes;
      const windows = this.purgeWindows.run(oldest, purgeRowsMax).changes;
      return messages >= purgeRowsMax || windows >= purgeRowsMax;
    });
  }

  /** Gives the node number back. */
  release(): void {
    beginImmediate(this.db, lockWaitMsMax);
    this.lease.release();
    this.db.run("COMMIT");
  }

  private perform(job: Job, ids: IdSequence, wallMs: number, sentNs: bigint, committedLast: bigint): Outcome {
    switch (job[0]) {
      case "talk":
        return this.talks.write(job, ids, wallMs, sentNs, this.ownAbove ?? committedLast);
      case "ack": {
        const messageId = BigInt(job[4]);
        if (messageId > committedLast) return [outcome.future];
        if (messageId > 0n) this.moveCursor.run(this.names.account(job[1], job[2]), job[3], messageId);
        return [outcome.done];
      }
      case "create":
        return this.groups.create(job[1], ids, wallMs);
      case "join":
        return this.groups.join(job[1], ids, wallMs);
      case "quit":
        return this.groups.quit(job[1], ids, wallMs);
    }
  }

  /** Takes in most of what others have committed before the lock is held: nobody shall wait for that. */
  private catchUp(): void {
    try {
      this.index.begin();
      this.talks.catchUp();
    } finally {
      this.index.end();
    }
  }

  private transact<T>(work: (ids: IdSequence, wallMs: number) => T): T {
    this.catchUp();
    this.lock();
    try {
      this.index.begin();
      this.talks.catchUp();
      // Read after the lock is held: the wait for it must not make the clock look late.
      const wallMs = this.clock.wallMs();
      const row = this.sequence.get();
      if (row === null) throw new LogDamage("it has lost its row of the last id");
      refuseWrongClock(wallMs, Number(row.committed_ms));
      this.ownAbove ??= row.last_id;
      const ids = new IdSequence(row.last_id, this.lease.hold(wallMs));
      const result = work(ids, wallMs);
      if (ids.last !== row.last_id) this.saveSequence.run(ids.last, wallMs);
      this.files.check();
      this.db.run("COMMIT");
      this.talks.committed();
      return result;
    } catch (error) {
      this.names.forget();
      this.talks.forget();
      if (this.db.inTransaction) this.db.run("ROLLBACK");
      if (error instanceof FilesMoved) this.files.rescue();
      throw error;
    } finally {
      this.index.end();
    }
  }

  private lock(): void {
    const waitMs = this.isLockedOut ? lockRetryMsMax : lockWaitMsMax;
    this.isLockedOut = true;
    beginImmediate(this.db, waitMs);
    this.isLockedOut = false;
  }
}

function refuseWrongClock(wallMs: number, committedMs: number): void {
  if (wallMs < snowflakeEpochMs) throw new Refusal("this machine's clock says a year before 2020; set it");
  const behindMs = committedMs - wallMs;
  if (behindMs > clockBehindMsMax) {
    throw new Refusal(
      `this machine's clock is ${Math.round(behindMs / 1000)} s behind the store's newest commit; nothing is written ` +
        "until the clock is right",
    );
  }
}
