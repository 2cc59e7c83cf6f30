// Pauses that can be cut short.

import type { Timers } from "../../base/timers.ts";

/** Runs an action once, after some milliseconds; tests replace it. */
export type After = Timers["after"];

/** Resolves after `delayMs`, or at once when `signal` aborts. Never rejects, and leaves no timer. */
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
