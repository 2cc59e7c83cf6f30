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
    this.say("warn", sentence, fields);
  }

  /** Logs an error, unless `sentence` was logged less than a pause ago. */
  error(sentence: string, fields: LogFields): void {
    this.say("error", sentence, fields);
  }

  /** Returns the number of lines dropped since the last one of a subject, or undefined if this one is dropped, too. */
  due(subject: string): number | undefined {
    const nowMs = this.clock.monotonicMs();
    const said = this.said.get(subject);
    if (said === undefined) {
      this.said.set(subject, { atMs: nowMs, unlogged: 0 });
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

  private say(level: "warn" | "error", sentence: string, fields: LogFields): void {
    const unlogged = this.due(sentence);
    if (unlogged !== undefined) this.log[level](sentence, unlogged === 0 ? fields : { ...fields, unlogged });
  }
}
