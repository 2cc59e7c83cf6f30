// The values of --store and --sessions: a database file, or the URL of a server.

import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Log } from "../base/log.ts";
import { warnOfChangers } from "./data-folder.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import { StartError } from "./usage-error.ts";

const sqlite = "sqlite:";
/** PATH_MAX of Linux, without the NUL. */
export const pathBytesMax = 4095;

/** `sqlite:PATH` or a PostgreSQL URL, as text. */
export const parseStore = engineOf(/^postgres(ql)?:\/\/[^\p{Cc}]+$/u, "postgres://…", "messages.db");

/** `sqlite:PATH`, the URL of a Redis or Valkey or `memory:`, as text. */
export const parseSessions = engineOf(
  /^((redis|valkey)s?:\/\/[^\p{Cc}]+|memory:)$/u,
  "redis://…, valkey://…",
  "sessions.db",
);

/** What SQLite itself takes for something else than a file (`:memory:`, `file:…`) is refused: it would become a file's name. */
function engineOf(others: RegExp, hint: string, file: string): (text: string) => string {
  return (text) => {
    if (!text.startsWith(sqlite)) {
      if (!others.test(text)) throw new Error(`sqlite:PATH or ${hint}`);
      refuseBareCredentials(text);
      return text;
    }
    const path = text.slice(sqlite.length);
    if (path === "" || Buffer.byteLength(path) > pathBytesMax || /^(:|file:)|[\0?]|\/$/.test(path))
      throw new Error(`sqlite: and the path of a file, such as sqlite:/var/lib/roost/${file}`);
    return text;
  };
}

/**
 * Refuses a URL in which a password seems to end early: with a bare "/", "?" or "#" in it the rest is taken for the path, which
 * the log and other nodes are shown, and its beginning for a host. The URL is not repeated.
 */
function refuseBareCredentials(text: string): void {
  const [, behind = ""] = /^[a-z]+:\/\/[^/?#]*(.*)$/s.exec(text) ?? [];
  const isMalformed = /%(?![\da-f]{2})/i.test(text);
  if (behind.includes("@") || behind.includes("#") || isMalformed)
    throw new Error("a URL whose user and password have / ? # @ : % as %2F %3F %23 %40 %3A %25");
}

/** True for `sqlite:PATH`. */
export function isDatabaseFile(url: string): boolean {
  return url.startsWith(sqlite);
}

/**
 * The absolute path of `sqlite:PATH`. Makes its folder (mode 0700) if need be, and warns of others who can change it.
 * `source` names the option in messages.
 * @throws StartError if something lies at the path that is no file
 */
export function databasePath(url: string, source: string, log: Log): string {
  const path = resolve(url.slice(sqlite.length));
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(`${source}: cannot make the folder of ${path}: ${sentenceOf(error)}`);
  }
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new StartError(`${source}: ${path} is not a file; name a file, or one that is still to be made`);
  } catch (error) {
    if (codeOf(error) === "") throw error;
    throw new StartError(`${source}: cannot open ${path}: ${sentenceOf(error)}`);
  }
  warnOfChangers(folder, log);
  return path;
}
