// The log: one line an event, on standard error, as text for a person or as JSON for a collector.

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "text" | "json";
/** What stands beside the sentence. Never a secret, a token or a message's text. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(sentence: string, fields?: LogFields): void;
  info(sentence: string, fields?: LogFields): void;
  warn(sentence: string, fields?: LogFields): void;
  error(sentence: string, fields?: LogFields): void;
}

const severity: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log that drops what is below `level`; `write` gets whole lines (default: standard error). */
export function createLog(
  level: LogLevel,
  format: LogFormat,
  write: (line: string) => void = (line) => process.stderr.write(line),
): Log {
  const emit = (at: LogLevel, sentence: string, fields?: LogFields): void => {
    if (severity[at] < severity[level]) return;
    const time = new Date().toISOString();
    if (format === "json") {
      write(`${JSON.stringify({ time, level: at, message: sentence, ...fields })}\n`);
      return;
    }
    let line = `${time} ${at.padEnd(5)} ${sentence}`;
    for (const [key, value] of Object.entries(fields ?? {})) {
      if (value !== undefined) line += ` ${key}=${typeof value === "string" ? JSON.stringify(value) : value}`;
    }
    write(`${line}\n`);
  };
  return {
    debug: (sentence, fields) => emit("debug", sentence, fields),
    info: (sentence, fields) => emit("info", sentence, fields),
    warn: (sentence, fields) => emit("warn", sentence, fields),
    error: (sentence, fields) => emit("error", sentence, fields),
  };
}

/** A log for tests that look elsewhere. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
