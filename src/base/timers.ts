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
