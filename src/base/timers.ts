// Timers as an argument, so that a simulation can control time.

/** Cancels a planned action; does nothing after it has run. */
export type Cancel = () => void;

export interface Timers {
  /** Runs an action once, after at least `delayMs`. */
  readonly after: (delayMs: number, action: () => void) => Cancel;
  /** Runs an action once, in a later turn of the event loop. */
  readonly soon: (action: () => void) => void;
}

export const systemTimers: Timers = {
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (action) => void setImmediate(action),
};

/** As `systemTimers`, but a process does not live on for them. */
export const backgroundTimers: Timers = {
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon: systemTimers.soon,
};

/** Runs an action every `everyMs`, for the first time after `everyMs`, until it is cancelled. */
export function every({ after }: Pick<Timers, "after">, everyMs: number, action: () => void): Cancel {
  const run = (): void => {
    cancel = after(everyMs, run);
    action();
  };
  let cancel = after(everyMs, run);
  return () => cancel();
}

/** Resolves after at least `ms`. */
export function sleep({ after }: Pick<Timers, "after">, ms: number): Promise<void> {
  return new Promise((resolve) => void after(ms, resolve));
}
