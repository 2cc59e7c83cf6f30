// The rows that determine what is old: the horizon of the retention, the trusted time, and the marks (horizon.ts and
// trusted-time.ts). All methods run inside a write transaction.
//
// Invariant: what `look` permits to delete was stored before a trusted time that the retention has passed, and its
// clientIds have been kept for the hours of idempotency.

import type { Database } from "bun:sqlite";
import { firstHorizon, horizonDayMs, lookAt, waitMsOf, type ClockReading, type Horizon } from "../horizon.ts";
import { timeOfId } from "../snowflake.ts";
import {
  dueMark,
  firstMarks,
  firstTrustedTime,
  lookAtTime,
  marksLaterByMs,
  type Mark,
  type TrustedTime,
} from "../trusted-time.ts";
import { protectedMs } from "../hooks.ts";
import { HookHolds } from "./hooks/hook-holds.ts";
import { Marks } from "./marks.ts";

/** The result of looking at the clocks. Ids are 0n if there is nothing. */
interface Look {
  /** Messages, and windows closed, up to this id may be deleted. */
  readonly purgeUpTo: bigint;
  /** Messages up to this id are too old to be retried. */
  readonly keyedUpTo: bigint;
  /** The minimum wait of the retention's horizon; 0 if it does not wait. */
  readonly waitMs: number;
  /** Messages up to this id will be deleted after the wait. */
  readonly goneUpTo: bigint;
}

/** A look of a writer. */
export interface WriterLook extends Look {
  readonly wallMs: number;
  /** How far the last id is ahead of the clock. */
  readonly aheadMs: number;
}

type Kind = "messages" | "time";

interface HorizonRow {
  readonly at_ms: bigint;
  readonly keep_ms: bigint;
  readonly looked_ms: bigint;
  readonly credit_ms: bigint;
  readonly waits: bigint;
  readonly proven_ms: bigint;
}
interface MarkRow {
  readonly id: bigint;
  readonly at_ms: bigint;
  readonly ran_ms: bigint;
}

export class Horizons {
  readonly marks: Marks;
  private readonly holds: HookHolds;
  private readonly sql;

  constructor(db: Database) {
    this.marks = new Marks(db);
    this.holds = new HookHolds(db);
    this.sql = {
      horizon: db.prepare<HorizonRow, [Kind]>("SELECT * FROM horizon WHERE kind = ?"),
      saveHorizon: db.prepare<null, [Kind, number, number, number, number, number, number]>(
        `INSERT OR REPLACE INTO horizon (kind, at_ms, keep_ms, looked_ms, credit_ms, waits, proven_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ),
      dropHorizon: db.prepare<null, [Kind]>("DELETE FROM horizon WHERE kind = ?"),
      runTime: db.prepare<{ ran_ms: bigint; leapt_ms: bigint }, []>("SELECT ran_ms, leapt_ms FROM run_time"),
      saveRunTime: db.prepare<null, [number, number]>(
        "INSERT OR REPLACE INTO run_time (one, ran_ms, leapt_ms) VALUES (1, ?, ?)",
      ),
      newestMark: db.prepare<MarkRow, []>("SELECT id, at_ms, ran_ms FROM mark ORDER BY id DESC LIMIT 1"),
      // The newest mark below the oldest message, else the oldest mark.
      markBelow: db.prepare<MarkRow, [bigint]>(
        `SELECT id, at_ms, ran_ms FROM mark ORDER BY id < ? DESC, abs(id - ?1) LIMIT 1`,
      ),
      saveMark: db.prepare<null, [bigint, number, number]>("INSERT INTO mark (id, at_ms, ran_ms) VALUES (?, ?, ?)"),
      marksLater: db.prepare<null, [number, number]>("UPDATE mark SET at_ms = max(at_ms, min(at_ms + ?, ?))"),
      marksNotAfter: db.prepare<null, [number]>("UPDATE mark SET at_ms = ?1 WHERE at_ms > ?1"),
      dropMarks: db.prepare<null, [bigint]>("DELETE FROM mark WHERE id < ?"),
      oldestMessage: db.prepare<{ id: bigint }, []>("SELECT id FROM message ORDER BY id LIMIT 1"),
      committed: db.prepare<{ last_id: bigint; committed_ms: bigint }, []>(
        "SELECT last_id, committed_ms FROM sequence",
      ),
    };
  }

  /** The configured retention in milliseconds; undefined: messages are not deleted. */
  keptMs(): number | undefined {
    return this.load("messages")?.keepMs;
  }

  /**
   * Looks at the clocks, moves the horizons, and adds a mark if one is due. `before` is this process's last look; with
   * a `keepMs` of 0 nothing is deleted.
   */
  look(keepMs: number, now: ClockReading, before: ClockReading | undefined): Look {
    const { lastId, committedMs } = this.newest();
    const known = this.loadTime();
    if (known === undefined) this.begin(lastId, committedMs, now);
    const time = known ?? firstTrustedTime(now.wallMs, committedMs);
    const looked = lookAtTime(time, now, before);
    this.saveTime(looked);
    const laterMs = marksLaterByMs(time, looked);
    if (laterMs > 0) this.sql.marksLater.run(laterMs, now.wallMs - horizonDayMs);
    const due = dueMark(looked, now, before, this.newestOfMarks(), lastId);
    if (due !== undefined) this.sql.saveMark.run(due.id, due.atMs, due.ranMs);
    const keyedUpTo = this.marks.keyedUpTo();
    if (keepMs <= 0) {
      this.sql.dropHorizon.run("messages");
      return { purgeUpTo: 0n, keyedUpTo, waitMs: 0, goneUpTo: 0n };
    }
    const messages = lookAt(this.ofMessages(keepMs, now.wallMs), keepMs, now, before);
    this.save("messages", messages);
    const purgeUpTo = this.purgeUpTo(messages);
    this.sql.dropMarks.run(least(purgeUpTo, this.marks.indexStart()));
    const waitMs = waitMsOf(messages);
    const goneMs = now.wallMs + waitMs - keepMs - Math.max(0, looked.leaptMs);
    return { purgeUpTo, keyedUpTo, waitMs, goneUpTo: waitMs > 0 ? this.marks.lastIdAt(goneMs) : 0n };
  }

  /** The horizon of the messages that a look with this retention would find. */
  ofMessages(keepMs: number, wallMs: number): Horizon {
    return this.load("messages") ?? this.first(keepMs, wallMs);
  }

  /** The id up to which the last look has permitted to delete; 0n without a retention. Changes nothing. */
  permittedUpTo(): bigint {
    const horizon = this.load("messages");
    return horizon === undefined || horizon.keepMs <= 0 ? 0n : this.purgeUpTo(horizon);
  }

  /** The id up to which a purge by an operator who confirms the clock may delete. Changes nothing. */
  confirmedUpTo(keepMs: number, wallMs: number): bigint {
    const leaptMs = Math.max(0, this.loadTime()?.leaptMs ?? 0);
    return this.marks.lastIdAt(wallMs - keepMs - leaptMs);
  }

  /** Sets the horizons to the clock, which an operator has confirmed; returns the id up to which to delete. */
  confirm(keepMs: number, wallMs: number): bigint {
    const upTo = this.confirmedUpTo(keepMs, wallMs);
    const time = this.loadTime();
    this.save("messages", firstHorizon(keepMs, wallMs, undefined));
    if (time === undefined) return upTo;
    if (time.leaptMs > 0) this.sql.marksLater.run(time.leaptMs, wallMs);
    this.sql.marksNotAfter.run(wallMs);
    this.saveTime({ horizon: firstHorizon(0, wallMs, undefined), ranMs: time.ranMs, leaptMs: 0 });
    return upTo;
  }

  /** What time it is, as far as the clocks were trusted so far; undefined before the first look. */
  trustedMs(): number | undefined {
    return this.loadTime()?.horizon.atMs;
  }

  /** The store's last id, and the clock's time of its last commit, if any. */
  newest(): { readonly lastId: bigint; readonly committedMs: number | undefined } {
    const row = this.sql.committed.get();
    const committedMs = Number(row?.committed_ms ?? 0n);
    return { lastId: row?.last_id ?? 0n, committedMs: committedMs > 0 ? committedMs : undefined };
  }

  /** Creates the first marks of a store that was written without them or has lost them (a repair). */
  private begin(lastId: bigint, committedMs: number | undefined, now: ClockReading): void {
    const oldest = this.sql.oldestMessage.get()?.id;
    if (oldest === undefined || committedMs === undefined || this.sql.newestMark.get() !== null) return;
    for (const { id, atMs, ranMs } of firstMarks(oldest, lastId, committedMs, now.wallMs)) {
      this.sql.saveMark.run(id, atMs, ranMs);
    }
  }

  private purgeUpTo({ atMs, keepMs }: Horizon): bigint {
    const goneUpTo = least(this.marks.lastIdAt(atMs), this.marks.keyedUpTo());
    // What webhooks were not told is kept for a while: by the same trusted time.
    const unprotected = this.marks.lastIdAt(atMs + keepMs - protectedMs);
    return least(goneUpTo, greatest(this.holds.toldUpTo(), unprotected));
  }

  private first(keepMs: number, wallMs: number): Horizon {
    const oldest = this.sql.oldestMessage.get()?.id;
    if (oldest === undefined) return firstHorizon(keepMs, wallMs, undefined);
    const mark = this.sql.markBelow.get(oldest);
    const markedMs = mark === null ? Infinity : Number(mark.at_ms);
    const isBelow = mark !== null && mark.id < oldest;
    return firstHorizon(keepMs, wallMs, isBelow ? markedMs : Math.min(markedMs, timeOfId(oldest)));
  }

  private load(kind: Kind): Horizon | undefined {
    const row = this.sql.horizon.get(kind);
    if (row === null) return undefined;
    return {
      atMs: Number(row.at_ms),
      keepMs: Number(row.keep_ms),
      lookedMs: Number(row.looked_ms),
      creditMs: Number(row.credit_ms),
      isWaiting: row.waits !== 0n,
      provenMs: Number(row.proven_ms),
    };
  }

  private save(kind: Kind, horizon: Horizon): void {
    const { atMs, keepMs, lookedMs, creditMs, isWaiting, provenMs } = horizon;
    this.sql.saveHorizon.run(kind, atMs, keepMs, lookedMs, creditMs, isWaiting ? 1 : 0, provenMs);
  }

  private loadTime(): TrustedTime | undefined {
    const horizon = this.load("time");
    const row = this.sql.runTime.get();
    if (horizon === undefined || row === null) return undefined;
    return { horizon, ranMs: Number(row.ran_ms), leaptMs: Number(row.leapt_ms) };
  }

  private saveTime({ horizon, ranMs, leaptMs }: TrustedTime): void {
    this.save("time", horizon);
    this.sql.saveRunTime.run(ranMs, leaptMs);
  }

  private newestOfMarks(): Mark | undefined {
    const row = this.sql.newestMark.get();
    return row === null ? undefined : { id: row.id, atMs: Number(row.at_ms), ranMs: Number(row.ran_ms) };
  }
}

function greatest(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}
