// A log for what fails by the request: a dependency that is away must not write a line for each of 100,000 requests a second
// to the disk that is perhaps its reason.

import type { Log, LogFields } from "./log.ts";

/** At most one line of a sentence in this time. */
const quietMs = 1_000;

interface Told {
  atMs: number;
  unlogged: number;
}

/**
 * Passes lines on to `log`, of each warning at most one a second; the next one says how many were `unlogged`. Sentences are
 * constants of the code: each is remembered. `nowMs` is a monotonic clock.
 */
export function sparingLog(log: Log, nowMs: () => number = () => performance.now()): Log {
  const told = new Map<string, Told>();
  return {
    debug: (sentence, fields) => log.debug(sentence, fields),
    info: (sentence, fields) => log.info(sentence, fields),
    error: (sentence, fields) => log.error(sentence, fields),
    linesLost: () => log.linesLost(),
    warn(sentence: string, fields?: LogFields): void {
      const now = nowMs();
      const known = told.get(sentence);
      if (known !== undefined && now - known.atMs < quietMs) {
        known.unlogged++;
        return;
      }
      told.set(sentence, { atMs: now, unlogged: 0 });
      log.warn(
        sentence,
        known === undefined || known.unlogged === 0 ? fields : { ...fields, unlogged: known.unlogged },
      );
    },
  };
}
