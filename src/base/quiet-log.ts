// A log that writes equal lines at most once a second. Otherwise many requests with one cause would write a line each
// and hide other lines; here one line a second tells how often it happened. Lines are equal if level, sentence and
// fields are. Bounded: beyond `linesMax` different lines the oldest one is written once more with its count, and
// dropped.

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

  /** `least` is the lowest level that `log` writes; lines below it are ignored. */
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

  /** Writes pending counts before the process ends. */
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

  /** Drops lines that were not repeated, and writes the counts of the others. */
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
