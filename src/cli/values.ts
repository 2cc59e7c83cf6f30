// Option values: text to checked values. A parser throws a sentence that says what would be right.

import type { SocketAddress } from "../transport/address.ts";

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const dayMs = 86_400_000;

/** `500ms`, `10s`, `3m`, `24h`, `15d`: milliseconds, more than 0. */
export function parseDuration(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const durationMs = Number(digits) * (unitsMs[unit] ?? 0);
  if (durationMs <= 0) throw new Error("a duration such as 500ms, 10s, 3m, 24h or 15d");
  return durationMs;
}

/** A deadline on the timer wheel: at most 24 days. */
export function parseWait(text: string): number {
  const durationMs = parseDuration(text);
  if (durationMs >= 2 ** 31) throw new Error("a duration of at most 24d");
  return durationMs;
}

/** `forever` or whole days: days, 0 for ever. */
export function parseRetention(text: string): number {
  if (text === "forever") return 0;
  const days = parseDuration(text) / dayMs;
  if (!Number.isInteger(days)) throw new Error("whole days such as 15d, or forever");
  return days;
}

/** `host:port`, `[::1]:8000`; port 0 picks a free one. */
export function parseAddress(text: string): SocketAddress {
  const [, bracketed, plain, digits = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port > 65_535)
    throw new Error("host:port such as 127.0.0.1:8000 or [::1]:8000; port 0 picks a free one");
  return { host, port };
}

/** `host`, `host:port`, `[::1]`, `[::1]:8000`; the port is undefined when there is none. */
export function parseHost(text: string): { host: string; port: number | undefined } {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || port === 0 || (port ?? 0) > 65_535)
    throw new Error("host or host:port such as chat1.example.com or 10.0.0.5:7171");
  return { host, port };
}

/** Addresses with commas between them, as texts; the empty text is none. */
export function parseNodes(text: string): string[] {
  const nodes = text.split(",").filter((node) => node !== "");
  for (const node of nodes) {
    const { port } = parseAddress(node);
    if (port === 0) throw new Error("host:port,… such as 10.0.0.5:7171,10.0.0.6:7171; not port 0");
  }
  return nodes;
}

/** A domain of at most 100 characters (RFC 1123, 2.1), so that names below it have room. */
export function parseDomain(text: string): string {
  const isName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(text);
  if (!isName || text.length > 100) throw new Error("a domain such as roost or im.example.com");
  return text.toLowerCase();
}

/** `http://host:port` URLs with commas between them. */
export function parseUrls(text: string): string[] {
  const urls = text.split(",").filter((url) => url !== "");
  const isRight = (url: string): boolean => /^https?:\/\/[^\s/?#@]+\/?$/.test(url) && URL.canParse(url);
  if (urls.length === 0 || !urls.every(isRight))
    throw new Error("http://host:port,… such as http://10.0.0.5:7171,http://10.0.0.6:7171");
  return urls.map((url) => url.replace(/\/$/, ""));
}

/** An address, or undefined for `off`. */
export function parseListener(text: string): SocketAddress | undefined {
  return text === "off" ? undefined : parseAddress(text);
}

/** One of the words. */
export function oneOf<const Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw new Error(`one of ${words.join(", ")}`);
    return word;
  };
}

/** A service id: it is a part of channel ids and keys. */
export function parseId(text: string): string {
  if (!/^[A-Za-z0-9.-]{1,40}$/.test(text)) throw new Error("1 to 40 letters, digits, dots and dashes");
  return text;
}

/** `key=value` pairs with commas between them; the empty text is none. */
export function parseTags(text: string): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const pair of text.split(",").filter((part) => part !== "")) {
    const [, key, value] = /^([A-Za-z0-9_.-]{1,40})=([^=,]{1,100})$/.exec(pair) ?? [];
    if (key === undefined || value === undefined || tags.has(key)) throw new Error("key=value,… such as IDC=fra");
    tags.set(key, value);
  }
  return tags;
}

/** Any text but the empty one. */
export function parseText(text: string): string {
  if (text === "") throw new Error("not empty");
  return text;
}
