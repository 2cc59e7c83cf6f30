// A log for lines that many requests may cause, such as those of a failing engine. Writes each sentence at most once
// per pause; the next line of a sentence carries the number of lines dropped since.

import type { Clock } from "./clock.ts";
import type { Log, LogFields } from "./log.ts";

/** The default pause, in milliseconds. */
const secondMs = 1_000;

interface Said {
  atMs: number;
  unlogged: number;
}

/** Sentences must be constants: each one is remembered. */
export class RareLog {
  private readonly log: Log;
  private readonly pauseMs: number;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly said = new Map<string, Said>();

  constructor(log: Log, clock: Pick<Clock, "monotonicMs">, pauseMs = secondMs) {
    this.log = log;
    this.pauseMs = pauseMs;
    this.clock = clock;
  }

  /** Warns, unless `sentence` was logged less than a pause ago. */
  warn(sentence: string, fields: LogFields): void {
    const unlogged = this.due(sentence);
    if (unlogged !== undefined) this.log.warn(sentence, withUnlogged(fields, unlogged));
  }

  /** Logs an error, unless `sentence` was logged less than a pause ago. */
  error(sentence: string, fields: LogFields): void {
    const unlogged = this.due(sentence);
    if (unlogged !== undefined) this.log.error(sentence, withUnlogged(fields, unlogged));
  }

  /** Returns the number of lines dropped since the last one, or undefined if this one is dropped as well. */
  private due(sentence: string): number | undefined {
    const nowMs = this.clock.monotonicMs();
    const said = this.said.get(sentence);
    if (said === undefined) {
      this.said.set(sentence, { atMs: nowMs, unlogged: 0 });
      return 0;
    }
    if (nowMs - said.atMs < this.pauseMs) {
      said.unlogged++;
      return undefined;
    }
    const { unlogged } = said;
    said.atMs = nowMs;
    said.unlogged = 0;
    return unlogged;
  }
}

function withUnlogged(fields: LogFields, unlogged: number): LogFields {
  return unlogged === 0 ? fields : { ...fields, unlogged };
}
