// Parses the values of --store and --sessions: a database file, or the URL of a server.

import { hostUrls } from "../store/host-list.ts";
import { type Engine, engineOf, fileScheme, sessionsEngines, storeEngines } from "./engines.ts";

/** PATH_MAX of Linux, without the NUL. */
export const pathBytesMax = 4095;

/** Checks the URL of a message store, and returns it. Throws what was expected. */
export const parseStore = urlOf(storeEngines, "messages.db");

const parseSharedSessions = urlOf(sessionsEngines, "sessions.db");

/** Checks the URL of a session store, or `memory:`, and returns it. Throws what was expected. */
export const parseSessions = (text: string): string => (text === "memory:" ? text : parseSharedSessions(text));

/** Describes the choice of engines: `sqlite:PATH on one machine, postgres://… on several`. */
export function choiceOf(engines: readonly Engine[]): string {
  return (["one machine", "several"] as const)
    .map((reach) => `${engines.find((engine) => engine.reach === reach)?.help} on ${reach}`)
    .join(", ");
}

/**
 * Refuses the names that SQLite itself does not take for files (`:memory:`, `file:…`): they would become file names.
 */
function urlOf(engines: readonly Engine[], file: string): (text: string) => string {
  const [ofFile, ...others] = engines.map(({ help }) => help);
  return (text) => {
    if (!isDatabaseFile(text)) {
      const engine = engineOf(engines, text);
      const scheme = engine?.schemes.find((candidate) => text.startsWith(candidate));
      if (scheme === undefined || !/^[^\p{Cc}]+$/u.test(text.slice(scheme.length)))
        throw new Error(`${ofFile} or ${others.join(", ")}`);
      refuseBareCredentials(text);
      engine?.checkHosts?.(text);
      for (const url of engine?.checkHosts === undefined ? [text] : hostUrls(text)) refuseMalformed(url, scheme);
      return text;
    }
    const path = text.slice(fileScheme.length);
    if (path === "" || Buffer.byteLength(path) > pathBytesMax || /^(:|file:)|[\0?]|\/$/.test(path))
      throw new Error(`sqlite: and a file's path, such as sqlite:/var/lib/roost/${file}`);
    return text;
  };
}

/**
 * Refuses a URL whose password contains an unescaped "/", "?" or "#": the beginning would count as the host and the
 * rest as the path, which appear in logs and on other nodes. The message does not contain the URL.
 */
function refuseBareCredentials(text: string): void {
  const [, behind = ""] = /^[a-z]+:\/\/[^/?#]*(.*)$/s.exec(text) ?? [];
  const isMalformed = /%(?![\da-f]{2})/i.test(text);
  if (behind.includes("@") || behind.includes("#") || isMalformed)
    throw new Error("a URL whose user and password escape / ? # @ : % as %2F %3F %23 %40 %3A %25");
}

/** Refuses what no engine could parse or decode. The message does not contain the URL. */
function refuseMalformed(text: string, scheme: string): void {
  if (!URL.canParse(text)) throw new Error(`${scheme}user:password@host:port/…, with a port of at most 65535`);
  try {
    decodeURIComponent(text);
  } catch {
    throw new Error("a URL whose escapes (%…) are bytes of UTF-8 text");
  }
}

/** Reports whether a URL is `sqlite:PATH`. */
export function isDatabaseFile(url: string): boolean {
  return url.startsWith(fileScheme);
}
