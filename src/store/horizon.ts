// A horizon: the time before which something may be deleted (messages beyond the retention, idempotency keys). The
// store keeps it and moves it with real time, never by a single reading of the wall clock: a clock that leapt, a
// machine that was off for a year and a mistyped retention look alike. So where the horizon would jump, it waits until
// the wall clock has run in step with the monotonic clock for a day. Pure: clocks and state are arguments.
//
// There are two allowances. `creditMs` is how far the horizon may jump without proof: at most a day, spent by jumps and
// earned by time in step, so that small jumps do not add up. `provenMs` is the proof while the horizon waits: it
// survives restarts, and starts over when the clock leaps again.
//
// Ids do not tell the time: after a clock was set back they continue above the last one. So the store keeps marks (a
// last id and its time), made only while the clock is trusted, and deletes by marks.

/** The bound on a jump without proof, and the duration of a proof. */
export const horizonDayMs = 86_400_000;
/** Clocks that diverge by less than this between two looks, a minute apart, run in step; a clock may be slewed. */
const inStepMsMax = 2_000;
/** The minimum distance of marks, and the precision of deletion. */
export const markEveryMs = 3_600_000;

/** As stored; durations in milliseconds, times in milliseconds since 1970. */
export interface Horizon {
  /** Older content may be deleted. */
  readonly atMs: number;
  /** The intended distance from the wall clock. */
  readonly keepMs: number;
  readonly lookedMs: number;
  /** 0 to `horizonDayMs`. */
  readonly creditMs: number;
  readonly isWaiting: boolean;
  /** 0 to `horizonDayMs`; 0 unless it waits. */
  readonly provenMs: number;
}

export interface ClockReading {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** Returns the first horizon of a store; `oldestMs` is the time of its oldest content, if any. */
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

/** Reports whether the clocks ran in step since this process's last look; false at its first. */
export function ranInStep(now: ClockReading, before: ClockReading | undefined): boolean {
  if (before === undefined) return false;
  return Math.abs(now.wallMs - before.wallMs - (now.monotonicMs - before.monotonicMs)) <= inStepMsMax;
}

/** Returns the time since the store's last look that this process has seen pass, and that is not counted yet. */
export function countedMs(horizon: Horizon, now: ClockReading, before: ClockReading | undefined): number {
  if (before === undefined || !ranInStep(now, before)) return 0;
  return Math.max(0, Math.min(now.monotonicMs - before.monotonicMs, now.wallMs - horizon.lookedMs));
}

/**
 * Returns how far the wall clock was set since the store's last look, as far as only this process has seen it; positive
 * if ahead. 0 at a process's first look, because nobody knows what happened before.
 */
export function leaptMs(horizon: Horizon, now: ClockReading, before: ClockReading | undefined): number {
  if (before === undefined || ranInStep(now, before)) return 0;
  const apartMs = now.wallMs - horizon.lookedMs;
  // Another process may have looked at any time since this one did.
  const ranMs = now.monotonicMs - before.monotonicMs;
  if (apartMs < 0) return apartMs;
  return Math.max(0, apartMs - ranMs);
}

/**
 * Returns the horizon after a look at the clocks. `before` is this process's last reading; undefined at its first look.
 * Several processes may look in turn, each with its own `before`: no time is counted twice.
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

/** Returns the minimum wait of a horizon; 0 if it does not wait. */
export function waitMsOf(horizon: Horizon): number {
  return horizon.isWaiting ? horizonDayMs - horizon.provenMs : 0;
}

/** At a process's first look, a difference of less than a day counts as a pause of all processes. */
function hasLeapt(horizon: Horizon, now: ClockReading, before: ClockReading | undefined): boolean {
  if (before !== undefined) return !ranInStep(now, before);
  return Math.abs(now.wallMs - horizon.lookedMs) >= horizonDayMs;
}
