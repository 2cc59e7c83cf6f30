// The values of --store and --sessions: a database file, or the URL of a server.

import { type Engine, engineOf, fileScheme, sessionsEngines, storeEngines } from "./engines.ts";

/** PATH_MAX of Linux, without the NUL. */
export const pathBytesMax = 4095;

/** The URL of a message store, as text. */
export const parseStore = urlOf(storeEngines, "messages.db");

const parseSharedSessions = urlOf(sessionsEngines, "sessions.db");

/** The URL of sessions, or `memory:`, as text. */
export const parseSessions = (text: string): string => (text === "memory:" ? text : parseSharedSessions(text));

/** How an operator writes these engines: `sqlite:PATH on one machine, postgres://… on several`. */
export function choiceOf(engines: readonly Engine[]): string {
  return (["one machine", "several"] as const)
    .map((reach) => `${engines.find((engine) => engine.reach === reach)?.help} on ${reach}`)
    .join(", ");
}

/**
 * What SQLite itself takes for something else than a file (`:memory:`, `file:…`) is refused: it would become a file's
 * name.
 */
function urlOf(engines: readonly Engine[], file: string): (text: string) => string {
  const [ofFile, ...others] = engines.map(({ help }) => help);
  return (text) => {
    if (!isDatabaseFile(text)) {
      const scheme = engineOf(engines, text)?.schemes.find((candidate) => text.startsWith(candidate));
      if (scheme === undefined || !/^[^\p{Cc}]+$/u.test(text.slice(scheme.length)))
        throw new Error(`${ofFile} or ${others.join(", ")}`);
      refuseBareCredentials(text);
      return text;
    }
    const path = text.slice(fileScheme.length);
    if (path === "" || Buffer.byteLength(path) > pathBytesMax || /^(:|file:)|[\0?]|\/$/.test(path))
      throw new Error(`sqlite: and the path of a file, such as sqlite:/var/lib/roost/${file}`);
    return text;
  };
}

/**
 * Refuses a URL in which a password seems to end early: with a bare "/", "?" or "#" in it the rest is taken for the
 * path, which the log and other nodes are shown, and its beginning for a host. The URL is not repeated.
 */
function refuseBareCredentials(text: string): void {
  const [, behind = ""] = /^[a-z]+:\/\/[^/?#]*(.*)$/s.exec(text) ?? [];
  const isMalformed = /%(?![\da-f]{2})/i.test(text);
  if (behind.includes("@") || behind.includes("#") || isMalformed)
    throw new Error("a URL whose user and password have / ? # @ : % as %2F %3F %23 %40 %3A %25");
}

/** True for `sqlite:PATH`. */
export function isDatabaseFile(url: string): boolean {
  return url.startsWith(fileScheme);
}
