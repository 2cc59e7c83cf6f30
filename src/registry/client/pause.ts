// Time for the naming clients: timers that a test brings itself, and waiting that can be cut short.

/** Stops a timer; calling it late or twice does nothing. */
export type Cancel = () => void;

/** Runs `action` once, `delayMs` from now. */
export type After = (delayMs: number, action: () => void) => Cancel;

/** The platform's timers. */
export const realAfter: After = (delayMs, action) => {
  const timer = setTimeout(action, delayMs);
  return () => clearTimeout(timer);
};

/** Resolves after `delayMs`, or at once when `signal` aborts; never rejects and leaves no timer behind. */
export function pause(after: After, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const finish = (): void => {
    cancel();
    signal.removeEventListener("abort", finish);
    resolve();
  };
  const cancel = after(delayMs, finish);
  signal.addEventListener("abort", finish);
  return promise;
}
