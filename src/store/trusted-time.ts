// What a store keeps to know what is old, beside the horizon of its retention (horizon.ts): its trusted time, how long its
// processes have really run, and marks. A mark says of an id that it was the store's last one at a time. Ids do not tell
// the time: after a clock was set back they go on above the last one. So what is destroyed, or hidden, is found by marks:
// what is not above the newest mark that is old enough. Pure: clocks and state are arguments.
//
// Marks are made only while the clock is trusted. A clock that is set ahead while a process looks on was wrong before or is
// wrong now. When the new time has proved itself, marks from before count as made that much later, so that nothing
// goes sooner than by time that passed; where all processes were away, the clock has to be believed after the proof.
//
// A retry of a talk comes within hours: its key is kept for 24 hours of time that processes have seen pass.

import { idempotencyHours, indexBackDays } from "../base/limits/fixed.ts";
import {
  countedMs,
  firstHorizon,
  horizonDayMs,
  leaptMs,
  lookAt,
  markEveryMs,
  ranInStep,
  type ClockReading,
  type Horizon,
} from "./horizon.ts";
import { smallestIdAt, timeOfId } from "./snowflake.ts";

/** What was stored this long ago by the running time, or longer, is not asked for as a retry. */
export const keyedMs = idempotencyHours * 3_600_000;
/** A device without a cursor is shown this much. */
export const indexBackMs = indexBackDays * horizonDayMs;

/** This program did not exist before: a clock that says so has lost its time (a flat battery). */
const programMs = Date.UTC(2026, 0, 1);

/** As the store keeps it. */
export interface TrustedTime {
  /** Of the present: it keeps nothing (`keepMs` is 0). While it waits the wall clock is not trusted. */
  readonly horizon: Horizon;
  /** How long processes have run, in step with the wall clock: at most what has really passed. */
  readonly ranMs: number;
  /** How far the clock was set ahead since the horizon began to wait, less what it was set back. */
  readonly leaptMs: number;
}

/** The store's last id was `id` at `atMs`, when its processes had run for `ranMs`. All three rise from mark to mark. */
export interface Mark {
  readonly id: bigint;
  readonly atMs: number;
  readonly ranMs: number;
}

/** `committedMs`: when the store last committed, if it ever did. */
export function firstTrustedTime(wallMs: number, committedMs: number | undefined): TrustedTime {
  return { horizon: firstHorizon(0, wallMs, committedMs), ranMs: 0, leaptMs: 0 };
}

/** The time after a look at the clocks; see `lookAt` of horizon.ts. */
export function lookAtTime(time: TrustedTime, now: ClockReading, before: ClockReading | undefined): TrustedTime {
  const horizon = lookAt(time.horizon, 0, now, before);
  const leapt = (time.horizon.isWaiting ? time.leaptMs : 0) + leaptMs(time.horizon, now, before);
  return {
    horizon,
    ranMs: time.ranMs + countedMs(time.horizon, now, before),
    leaptMs: horizon.isWaiting ? leapt : 0,
  };
}

/**
 * By how much marks from before are made later now, but not beyond `wallMs - horizonDayMs`: the proof took a day.
 * 0 unless this look has ended a wait.
 */
export function marksLaterByMs(before: TrustedTime, after: TrustedTime): number {
  if (!before.horizon.isWaiting || after.horizon.isWaiting) return 0;
  return Math.max(0, Math.min(before.leaptMs, after.horizon.atMs - before.horizon.atMs));
}

/** The mark that is due; undefined: none. `time` is that after the look at `now`. */
export function dueMark(
  time: TrustedTime,
  now: ClockReading,
  before: ClockReading | undefined,
  newest: Mark | undefined,
  lastId: bigint,
): Mark | undefined {
  const isTrusted = !time.horizon.isWaiting && ranInStep(now, before) && now.wallMs >= programMs;
  if (!isTrusted || lastId <= (newest?.id ?? 0n)) return undefined;
  if (newest !== undefined && now.wallMs - newest.atMs < markEveryMs) return undefined;
  return { id: lastId, atMs: now.wallMs, ranMs: time.ranMs };
}

/**
 * Marks of a store that was written without, one a day: its ids were never behind the time. `oldestId` is its oldest
 * message's. They are no later than the clock and the last commit, from which the running time is counted back.
 */
export function firstMarks(oldestId: bigint, lastId: bigint, committedMs: number, wallMs: number): Mark[] {
  const untilMs = Math.min(timeOfId(lastId), committedMs, wallMs);
  const marks: Mark[] = [];
  const firstDay = Math.floor(timeOfId(oldestId) / horizonDayMs) + 1;
  for (let atMs = firstDay * horizonDayMs; atMs <= untilMs; atMs += horizonDayMs) {
    marks.push({ id: smallestIdAt(atMs) - 1n, atMs, ranMs: atMs - untilMs });
  }
  return marks;
}
