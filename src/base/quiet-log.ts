// A log that says the same thing at most once a second. What many requests cause would else be a line each, and push what
// matters out of sight; that it happens, and how often, is one line a second. Lines are equal if level, sentence and fields
// are. Bounded: of more different lines the oldest is forgotten, and written once more with its count.

import { backgroundTime, type Time } from "./runtime.ts";
import { isLogged, type Log, type LogFields, type LogLevel } from "./log.ts";

const pauseMsDefault = 1_000;
const linesMax = 1_000;

interface Said {
  readonly level: LogLevel;
  readonly sentence: string;
  readonly fields: LogFields | undefined;
  atMs: number;
  /** Equal lines since then that were not written. */
  repeated: number;
}

export class QuietLog implements Log {
  private readonly log: Log;
  private readonly least: LogLevel;
  private readonly time: Time;
  private readonly said = new Map<string, Said>();
  private isSweepDue = false;

  /** `least` is the least important level that `log` writes: of what it drops nothing is remembered. */
  constructor(log: Log, least: LogLevel, time: Time = backgroundTime) {
    this.log = log;
    this.least = least;
    this.time = time;
  }

  debug(sentence: string, fields?: LogFields): void {
    this.say("debug", sentence, fields);
  }

  info(sentence: string, fields?: LogFields): void {
    this.say("info", sentence, fields);
  }

  warn(sentence: string, fields?: LogFields): void {
    this.say("warn", sentence, fields);
  }

  error(sentence: string, fields?: LogFields): void {
    this.say("error", sentence, fields);
  }

  linesLost(): number {
    return this.log.linesLost();
  }

  /** Writes what was only counted so far, before the process ends. */
  flush(): void {
    for (const said of this.said.values()) this.tell(said);
    this.said.clear();
  }

  private say(level: LogLevel, sentence: string, fields: LogFields | undefined): void {
    if (!isLogged(level, this.least)) return;
    const key = `${level} ${sentence} ${fields === undefined ? "" : JSON.stringify(fields)}`;
    const before = this.said.get(key);
    if (before !== undefined) {
      before.repeated++;
      return;
    }
    this.log[level](sentence, fields);
    this.said.set(key, { level, sentence, fields, atMs: this.time.clock.monotonicMs(), repeated: 0 });
    if (this.said.size > linesMax) this.forgetOldest();
    this.sweepLater();
  }

  private sweepLater(): void {
    if (this.isSweepDue) return;
    this.isSweepDue = true;
    this.time.timers.after(pauseMsDefault, () => {
      this.isSweepDue = false;
      this.sweep();
    });
  }

  /** Forgets what has not been said again for a while, and says how often the rest was. */
  private sweep(): void {
    const nowMs = this.time.clock.monotonicMs();
    for (const [key, said] of this.said) {
      if (nowMs - said.atMs < pauseMsDefault) continue;
      if (said.repeated === 0) this.said.delete(key);
      else {
        this.tell(said);
        said.atMs = nowMs;
      }
    }
    if (this.said.size > 0) this.sweepLater();
  }

  private forgetOldest(): void {
    for (const [key, said] of this.said) {
      this.tell(said);
      this.said.delete(key);
      return;
    }
  }

  private tell(said: Said): void {
    if (said.repeated === 0) return;
    this.log[said.level](said.sentence, { ...said.fields, repeated: said.repeated });
    said.repeated = 0;
  }
}
