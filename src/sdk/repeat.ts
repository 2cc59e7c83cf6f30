// Work that may fail, and be tried again, or never end.

import { deferred } from "./deferred.ts";
import type { Environment } from "./environment.ts";
import { backOffMs } from "./reconnect-rule.ts";

/** Pauses grow with the first tries only: a new connection does not cut them short. They are at most 4 s. */
const growthMax = 3;

/** Waits a random time that grows with the number of tries that failed before the last one. */
export function backOff(environment: Environment, tries: number): Promise<void> {
  const delayMs = backOffMs(Math.min(tries, growthMax), () => environment.random());
  return new Promise((resolve) => void environment.after(delayMs, resolve));
}

/** Tries until it succeeds, or `isLast` says that its error is final: `tries` have failed before it. */
export async function repeat<Result>(
  environment: Environment,
  work: () => Promise<Result>,
  isLast: (error: unknown, tries: number) => boolean,
): Promise<Result> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (isLast(error, tries)) throw error;
    }
    await backOff(environment, tries);
  }
}

/** Rejects with an Error with this sentence if the work takes longer. */
export function inTime<Result>(
  environment: Environment,
  msMax: number,
  work: Promise<Result>,
  sentence: string,
): Promise<Result> {
  const { promise, reject } = deferred<Result>();
  const cancel = environment.after(msMax, () => reject(new Error(sentence)));
  return Promise.race([work, promise]).finally(cancel);
}
