// Waiting that can be cut short, for the naming client.

import type { Timers } from "../../base/timers.ts";

/** Runs an action once, so many milliseconds from now; a test brings its own. */
export type After = Timers["after"];

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
