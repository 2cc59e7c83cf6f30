// A horizon: the moment before which something may be destroyed (messages that the retention has outlived, keys of
// idempotency). It is kept in the store and moves with real time, never on one reading of a wall clock: a clock that leapt,
// a machine that was off for a year and a mistyped retention all look alike, so where the horizon would jump it waits until
// the wall clock has run in step with the monotonic one for a day. Pure: clocks and state are arguments.
//
// Two allowances are kept apart. `creditMs` is what the horizon may jump without proof: a day at most, spent by jumps, earned
// by time that ran in step; so small jumps cannot add up. `provenMs` is the proof, while the horizon waits: it survives
// restarts, and begins anew when the clock leaps again.
//
// An id does not tell the time: after a clock was set back ids go on above the last one. So the store keeps marks (a last id
// and the time at which it was the last), made only while the clock is trusted, and what is destroyed is found by them.

/** What a horizon may jump without proof, and how long a proof takes. */
export const horizonDayMs = 86_400_000;
/** Two clocks that part by less than this between two looks run in step: a minute's look, a clock that is slewed. */
const inStepMsMax = 2_000;
/** Marks are this far apart at least: what is destroyed is found to an hour. */
export const markEveryMs = 3_600_000;

/** As the store keeps it; all in milliseconds, moments since 1970. */
export interface Horizon {
  /** What is older may be destroyed. */
  readonly atMs: number;
  /** How far behind the wall clock it is meant to be. */
  readonly keepMs: number;
  /** The wall clock at the last look of any process. */
  readonly lookedMs: number;
  /** 0 to `horizonDayMs`. */
  readonly creditMs: number;
  readonly isWaiting: boolean;
  /** 0 to `horizonDayMs`; 0 unless it waits. */
  readonly provenMs: number;
}

/** Both clocks at one moment. */
export interface ClockReading {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** The horizon of a store that has none yet; `oldestMs` is when its oldest content was written, if it has any. */
export function firstHorizon(keepMs: number, wallMs: number, oldestMs: number | undefined): Horizon {
  const targetMs = wallMs - keepMs;
  return {
    atMs: oldestMs === undefined ? targetMs : Math.min(oldestMs, targetMs),
    keepMs,
    lookedMs: wallMs,
    creditMs: horizonDayMs,
    isWaiting: false,
    provenMs: 0,
  };
}

/** Did the clocks run in step since this process looked before? Its first look cannot tell. */
export function ranInStep(now: ClockReading, before: ClockReading | undefined): boolean {
  if (before === undefined) return false;
  return Math.abs(now.wallMs - before.wallMs - (now.monotonicMs - before.monotonicMs)) <= inStepMsMax;
}

/** Of the time since the store was last looked at, what has really passed for sure: seen by this process, counted by none. */
export function countedMs(horizon: Horizon, now: ClockReading, before: ClockReading | undefined): number {
  if (before === undefined || !ranInStep(now, before)) return 0;
  return Math.max(0, Math.min(now.monotonicMs - before.monotonicMs, now.wallMs - horizon.lookedMs));
}

/**
 * How far the wall clock was set since the store was last looked at, as far as this process has seen it and no other one
 * has; ahead if positive. 0 at a process' first look: what happened while all were away nobody knows.
 */
export function leaptMs(horizon: Horizon, now: ClockReading, before: ClockReading | undefined): number {
  if (before === undefined || ranInStep(now, before)) return 0;
  const apartMs = now.wallMs - horizon.lookedMs;
  // Another process may have looked at any moment since this one did.
  const ranMs = now.monotonicMs - before.monotonicMs;
  if (apartMs < 0) return apartMs;
  return Math.max(0, apartMs - ranMs);
}

/**
 * The horizon after a look at the clocks. `before` is what this process read at its last look, undefined at its first.
 * Several processes may look in turn, each with its own `before`: what one has counted the next one does not count again.
 */
export function lookAt(horizon: Horizon, keepMs: number, now: ClockReading, before: ClockReading | undefined): Horizon {
  const ranMs = countedMs(horizon, now, before);
  const targetMs = now.wallMs - keepMs;
  const jumpMs = targetMs - horizon.atMs;
  const unprovenMs = jumpMs - ranMs;
  const looked = { ...horizon, keepMs, lookedMs: now.wallMs };
  const arrived = { ...looked, atMs: targetMs, isWaiting: false, provenMs: 0 };
  if (jumpMs <= 0 || unprovenMs <= horizon.creditMs) {
    const creditMs = Math.min(horizonDayMs, horizon.creditMs + ranMs) - Math.max(0, unprovenMs);
    return { ...arrived, creditMs: Math.max(0, creditMs) };
  }
  if (!horizon.isWaiting || keepMs < horizon.keepMs || hasLeapt(horizon, now, before))
    return { ...looked, isWaiting: true, provenMs: 0 };
  const provenMs = horizon.provenMs + ranMs;
  if (provenMs >= horizonDayMs) return { ...arrived, creditMs: horizonDayMs };
  return { ...looked, provenMs };
}

/** How long a horizon that waits has to wait at least; 0: it does not. */
export function waitMsOf(horizon: Horizon): number {
  return horizon.isWaiting ? horizonDayMs - horizon.provenMs : 0;
}

/** A process that begins cannot know how long all were away: less than a day is taken for a pause. */
function hasLeapt(horizon: Horizon, now: ClockReading, before: ClockReading | undefined): boolean {
  if (before !== undefined) return !ranInStep(now, before);
  return Math.abs(now.wallMs - horizon.lookedMs) >= horizonDayMs;
}
