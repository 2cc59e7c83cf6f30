// How fast webhooks are told, and how long they are tried. Tests pass shorter times.

export interface HookPace {
  /** What came within this time is one batch; within a shorter one, when more comes than a batch holds. */
  readonly gatherMs: number;
  /** How long an endpoint may take to answer. */
  readonly answerMs: number;
  /** The pause after the first failure; each further one is twice as long, up to `retryMsMax`. */
  readonly retryMs: number;
  readonly retryMsMax: number;
  /** Then a batch is given up: with the pauses below that is after 24 hours, whatever the clock says. */
  readonly attemptsMax: number;
  /** How often the settings and the lease are looked at. */
  readonly lookMs: number;
  /** Who has the lease stops when it could not renew for so long. */
  readonly leaseMs: number;
  /** The lease of somebody who has not renewed it for so long is taken. */
  readonly takeOverMs: number;
  /** A message that was not acknowledged by then is undelivered. */
  readonly acknowledgeMs: number;
}

export const usualPace: HookPace = {
  gatherMs: 200,
  answerMs: 15_000,
  retryMs: 1_000,
  retryMsMax: 3_600_000,
  attemptsMax: 35,
  lookMs: 1_000,
  leaseMs: 4_000,
  takeOverMs: 6_000,
  acknowledgeMs: 10_000,
};

/** What a process that stops still waits for: an answer that is not waited for is asked for again. */
export const graceMs = 1_000;

/** The pause after so many failures. */
export function pauseMsAfter({ retryMs, retryMsMax }: HookPace, attempts: number): number {
  return Math.min(retryMsMax, retryMs * 2 ** Math.min(30, attempts - 1));
}
