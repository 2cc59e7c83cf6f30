// The log: one line an event, as text for a person or as JSON for a collector. Sentences and fields may hold what a peer
// has chosen: nothing of it reaches a terminal that would be obeyed there or forge a line.

import { escaped, printable, quotedText } from "./printable.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";
/** What stands beside the sentence. Never a secret, a token or a message's text. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
  /** Lines that could not be written since the start. */
  linesLost(): number;
}

/** Reports whether a line of this level is written where `least` is the least important one that is. */
export function isLogged(level: LogLevel, least: LogLevel): boolean {
  return severity[level] >= severity[least];
}

const severity: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log that drops what is below `level`; `write` gets whole lines, and `linesLost` returns how many of them it lost. */
export function createLog(
  level: LogLevel,
  format: LogFormat,
  write: (line: string) => void,
  linesLost: () => number = () => 0,
): Log {
  const emit = (at: LogLevel, sentence: string, fields?: LogFields): void => {
    if (!isLogged(at, level)) return;
    write(logLine(format, at, sentence, fields));
  };
  return {
    debug: (sentence, fields) => emit("debug", sentence, fields),
    info: (sentence, fields) => emit("info", sentence, fields),
    warn: (sentence, fields) => emit("warn", sentence, fields),
    error: (sentence, fields) => emit("error", sentence, fields),
    linesLost,
  };
}

/** A line of a log, with its newline. */
export function logLine(format: LogFormat, level: LogLevel, sentence: string, fields?: LogFields): string {
  const time = new Date().toISOString();
  if (format === "json") return `${escaped(JSON.stringify({ time, level, message: sentence, ...fields }))}\n`;
  let line = `${time} ${level.padEnd(5)} ${printable(sentence)}`;
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value !== undefined) line += ` ${key}=${typeof value === "string" ? quotedText(value) : value}`;
  }
  return `${line}\n`;
}

/** A log for tests that look elsewhere. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, linesLost: () => 0 };
