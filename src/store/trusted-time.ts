// What a store keeps to know the age of content, besides the horizon of its retention (horizon.ts): its trusted time,
// how long its processes have run, and marks. A mark records that an id was the store's last one at a time. Ids do not
// tell the time: after a clock was set back they continue above the last one. So content is deleted or hidden by marks:
// everything up to the newest mark that is old enough. Pure: clocks and state are arguments.
//
// Marks are made only while the clock is trusted. If a clock is set ahead while a process watches, it was wrong before
// or is wrong now. Once the new time is proven, earlier marks are moved later by the leap, so that nothing is deleted
// before enough time has passed; if no process was running, the clock has to be trusted after the proof.
//
// Retries come within hours: their keys are kept for 24 hours of time that processes have seen pass.

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

/** Messages older than this, by the running time, are too old to be retried. */
export const keyedMs = idempotencyHours * 3_600_000;
/** How far back the index of a device without a cursor reaches. */
export const indexBackMs = indexBackDays * horizonDayMs;

/** This program did not exist before: such a clock has lost its time (an empty battery). */
const programMs = Date.UTC(2026, 0, 1);

export interface TrustedTime {
  /** A horizon at the present (`keepMs` is 0). While it waits, the wall clock is not trusted. */
  readonly horizon: Horizon;
  /** How long processes have run in step with the wall clock: at most the real time. */
  readonly ranMs: number;
  /** How far the clock was set ahead, less how far it was set back, since the horizon began to wait. */
  readonly leaptMs: number;
}

/** The store's last id was `id` at `atMs`, after its processes had run for `ranMs`. All three increase. */
export interface Mark {
  readonly id: bigint;
  readonly atMs: number;
  readonly ranMs: number;
}

/** `committedMs` is the time of the store's last commit, if any. */
export function firstTrustedTime(wallMs: number, committedMs: number | undefined): TrustedTime {
  return { horizon: firstHorizon(0, wallMs, committedMs), ranMs: 0, leaptMs: 0 };
}

/** Returns the time after a look at the clocks; see `lookAt`. */
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
 * Returns by how much earlier marks are moved later, but not beyond `wallMs - horizonDayMs`, because the proof took a
 * day. 0 unless this look has ended a wait.
 */
export function marksLaterByMs(before: TrustedTime, after: TrustedTime): number {
  if (!before.horizon.isWaiting || after.horizon.isWaiting) return 0;
  return Math.max(0, Math.min(before.leaptMs, after.horizon.atMs - before.horizon.atMs));
}

/** Returns the mark that is due, or undefined. `time` is the time after the look at `now`. */
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
 * Returns marks for a store that was written without them, one a day: its ids were never behind the time. They are no
 * later
 * than the clock and the last commit, from which the running time is counted back. `oldestId` is the oldest message's.
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
