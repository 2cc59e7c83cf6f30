// The log: one line per event, as text for a person or as JSON for a collector. Sentences and fields may hold text
// chosen by peers: it can neither control a terminal nor forge a line.

import { escaped, printable, quotedText } from "./printable.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";
/** An event's details. Never a secret, a token or a message's text. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
  /** The number of lines that could not be written since the start. */
  linesLost(): number;
}

/** Reports whether lines of `level` are written if `least` is the lowest level that is. */
export function isLogged(level: LogLevel, least: LogLevel): boolean {
  return severity[level] >= severity[least];
}

const severity: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Creates a log that drops lines below `level`. `write` receives whole lines; `linesLost` returns how many it lost. */
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

/** Formats a line, with its newline. */
export function logLine(format: LogFormat, level: LogLevel, sentence: string, fields?: LogFields): string {
  const time = new Date().toISOString();
  if (format === "json") return `${escaped(JSON.stringify({ time, level, message: sentence, ...fields }))}\n`;
  let line = `${time} ${level.padEnd(5)} ${printable(sentence)}`;
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value !== undefined) line += ` ${key}=${typeof value === "string" ? quotedText(value) : value}`;
  }
  return `${line}\n`;
}

/** Discards everything. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, linesLost: () => 0 };
