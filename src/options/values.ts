// Option values: text to checked values. A parser throws a sentence that says what would be right.

import { banMsMax, weightMax } from "../base/limits/fixed.ts";
import { isPrintable } from "../base/printable.ts";
import { nameRule, validName } from "../auth/names.ts";
import { type BlockList, isIPv4, isIPv6 } from "node:net";
import { isPath } from "../base/small-file.ts";
import type { SocketAddress } from "../transport/address.ts";
import { hasHostBits, listOfRanges, parseRange } from "../transport/address-ranges.ts";
import { Origins } from "../transport/origins.ts";

/** The longest name of a host (RFC 1035, 2.3.4). */
const hostCharactersMax = 253;
const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const dayMs = 86_400_000;

/** The milliseconds of a duration; 0 if the text is none, or one of length 0. */
export function durationMsOf(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  return Number(digits) * (unitsMs[unit] ?? 0);
}

/** `500ms`, `10s`, `3m`, `24h`, `15d`: milliseconds, more than 0. */
export function parseDuration(text: string): number {
  const durationMs = durationMsOf(text);
  if (durationMs === 0) throw new Error("a duration such as 500ms, 10s, 3m, 24h or 15d");
  return durationMs;
}

/** A duration from `least` to `most`, both written as an operator would; of whole seconds if `least` is. */
export function durationFrom(least: string, most: string): (text: string) => number {
  const [leastMs, mostMs] = [parseDuration(least), parseDuration(most)];
  const unit = leastMs % 1_000 === 0 ? 1_000 : 1;
  return (text) => {
    const durationMs = parseDuration(text);
    if (durationMs < leastMs || durationMs > mostMs || durationMs % unit !== 0)
      throw new Error(`${unit === 1_000 ? "whole seconds" : "a duration"} from ${least} to ${most}`);
    return durationMs;
  };
}

/** A moment may be so far ahead, because the clock that it is compared with may be. */
const aheadMsMax = 60_000;

/**
 * A moment, in milliseconds since 1970: `2026-03-01T12:00:00Z`, a minute ahead at most, or how long ago it was, `90m`.
 */
export function parseMoment(text: string): number {
  const agoMs = durationMsOf(text);
  const atMs = agoMs > 0 ? Date.now() - agoMs : timeMsOf(text);
  if (!(atMs >= 0 && atMs <= Date.now() + aheadMsMax))
    throw new Error("a time that is past, such as 2026-03-01T12:00:00Z, or how long ago it was, such as 90m");
  return atMs;
}

/** A moment to come, in milliseconds since 1970: `2026-03-01T12:00:00Z`, or how long from now, `90m`. */
export function parseEnd(text: string): number {
  const inMs = durationMsOf(text);
  // Whole seconds are read more easily.
  const atMs = inMs > 0 ? Math.ceil((Date.now() + inMs) / 1_000) * 1_000 : timeMsOf(text);
  if (!(atMs > Date.now() && atMs <= banMsMax))
    throw new Error("a time to come, such as 2026-03-01T12:00:00Z, or how long from now, such as 90m");
  return atMs;
}

/** NaN if the text is no RFC 3339 time with seconds and an offset. */
function timeMsOf(text: string): number {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/.test(text);
  return isTime ? Date.parse(text) : Number.NaN;
}

/** `forever` or whole days, up to 100 years: days, 0 for ever. */
export function parseRetention(text: string): number {
  if (text === "forever") return 0;
  const days = durationMsOf(text) / dayMs;
  if (!Number.isInteger(days) || days === 0 || days > 36_500)
    throw new Error("whole days such as 15d, at most 36500d, or forever");
  return days;
}

/** The longest window of changes: as far as a retention goes. */
const windowMsMax = 36_500 * dayMs;

/** How long something may be changed: a duration of at least a second, or `off`, which is 0. */
export function parseWindow(text: string): number {
  if (text === "off") return 0;
  const windowMs = durationMsOf(text);
  if (windowMs < 1_000 || windowMs > windowMsMax)
    throw new Error("a duration from 1s to 36500d such as 15m or 24h, or off");
  return windowMs;
}

function isHost(host: string | undefined): host is string {
  return host !== undefined && host.length <= hostCharactersMax && (!host.includes(":") || isIPv6(host));
}

/** `host:port`, `[::1]:8000`; port 0 picks a free one. */
export function parseAddress(text: string): SocketAddress {
  const [, bracketed, plain, digits = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s\p{Cc}]+)):(\d{1,5})$/u.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (!isHost(host) || port > 65_535)
    throw new Error("host:port such as 127.0.0.1:8000 or [::1]:8000; port 0 picks a free one");
  return { host, port };
}

/** `host`, `host:port`, `[::1]`, `[::1]:8000`; the port is undefined when there is none. */
export function parseHost(text: string): { host: string; port: number | undefined } {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/\p{Cc}]+))(?::(\d{1,5}))?$/u.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? undefined : Number(digits);
  if (!isHost(host) || port === 0 || (port ?? 0) > 65_535)
    throw new Error("host or host:port such as chat1.example.com or 10.0.0.5:7171");
  return { host, port };
}

/** The parts of a text between its commas, empty ones left out. */
function partsOf(text: string, countMax: number): string[] {
  const parts = text.split(",").filter((part) => part !== "");
  if (parts.length > countMax) throw new Error(`at most ${countMax} values with commas between them`);
  return parts;
}

/** Up to `countMax` words with commas between them. */
export function wordsUpTo(countMax: number): (text: string) => string[] {
  return (text) => partsOf(text, countMax).map(parseWord);
}

/** Up to `countMax` addresses with commas between them, as texts; the empty text is none. */
export function nodesUpTo(countMax: number): (text: string) => string[] {
  return (text) => {
    const nodes = partsOf(text, countMax);
    for (const node of nodes) {
      const { port } = parseAddress(node);
      if (port === 0) throw new Error("host:port,… such as 10.0.0.5:7171,10.0.0.6:7171; not port 0");
    }
    return nodes;
  };
}

/** A process of a cluster: an id, `host:port` of a registry node, or a URL whose scheme says which door it names. */
export function parseNode(text: string): string {
  const [, scheme, address = ""] = /^(tcp|tls|https?):\/\/([^/]*)\/?$/.exec(text) ?? [];
  const isId = /^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9a-fA-F:.]+\]:\d{1,5}$/.test(text);
  const isRight = scheme === undefined ? isId : isReachable(address);
  if (!isRight) throw new Error("an id that roost nodes prints, tcp://host:port, tls://host:port or http://host:port");
  return text.replace(/\/$/, "");
}

function isReachable(address: string): boolean {
  try {
    return parseAddress(address).port !== 0;
  } catch {
    // It is no address.
    return false;
  }
}

/** A domain of at most 100 characters (RFC 1123, 2.1), so that names below it have room. */
export function parseDomain(text: string): string {
  const isName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(text);
  if (!isName || text.length > 100) throw new Error("a domain such as roost or im.example.com");
  return text.toLowerCase();
}

/** An http or https URL, with or without a path, that others are told; without what would leak or break behind it. */
export function parsePublicUrl(text: string): string {
  if (!/^https?:\/\/[^\s?#@]+$/.test(text) || !URL.canParse(text))
    throw new Error("a URL such as https://chat.example.com");
  return text.replace(/\/+$/, "");
}

/** One to `countMax` `http://host:port` URLs with commas between them. */
export function urlsUpTo(countMax: number): (text: string) => string[] {
  const isRight = (url: string): boolean => /^https?:\/\/[^\s/?#@]+\/?$/.test(url) && URL.canParse(url);
  return (text) => {
    const urls = partsOf(text, countMax);
    if (urls.length === 0 || !urls.every(isRight))
      throw new Error("http://host:port,… such as http://10.0.0.5:7171,http://10.0.0.6:7171");
    return urls.map((url) => url.replace(/\/$/, ""));
  };
}

/** The URL of an HTTP proxy. */
export function parseProxy(text: string): URL {
  const url = URL.parse(text);
  const isPlain = url?.protocol === "http:" && url.username === "" && url.pathname === "/" && url.search === "";
  if (url === null || !isPlain) throw new Error("http://host:port such as http://10.0.0.9:3128");
  return url;
}

/** Up to `countMax` addresses and CIDRs with commas between them; undefined for the empty text: none. */
export function rangesUpTo(
  countMax: number,
  whose = "the addresses of proxies alone",
): (text: string) => BlockList | undefined {
  return (text) => {
    const parts = partsOf(text, countMax);
    const ranges = parts.map((part) => {
      const range = parseRange(isIPv4(part) ? `${part}/32` : isIPv6(part) ? `${part}/128` : part);
      if (range === undefined)
        throw new Error("addresses and CIDRs with commas between them, such as 10.0.0.2,10.1.0.0/16,fd00::/8");
      if (range.prefix === 0) throw new Error(`${whose}: ${part} is everybody's`);
      if (hasHostBits(range))
        throw new Error(
          `a range to begin with its first address, which ${part} does not: ${range.address} alone is one address`,
        );
      return range;
    });
    return ranges.length === 0 ? undefined : listOfRanges(ranges);
  };
}

/** Up to `countMax` origins of web pages with commas between them; the empty text is none. */
export function originsUpTo(countMax: number): (text: string) => Origins {
  return (text) => new Origins(partsOf(text, countMax));
}

/** A URL of one of these schemes, as text. */
function urlOf(schemes: readonly string[]): (text: string) => string {
  return (text) => {
    const scheme = schemes.find((candidate) => text.startsWith(`${candidate}://`));
    if (scheme === undefined || !/^[^\s\p{Cc}]+$/u.test(text) || !URL.canParse(text))
      throw new Error(`a URL that begins with ${schemes.map((name) => `${name}://`).join(", ")}`);
    return text;
  };
}

/** One to `countMax` URLs with commas between them, each with one of the schemes. */
export function serverUrlsUpTo(countMax: number, schemes: readonly string[]): (text: string) => string[] {
  const one = urlOf(schemes);
  return (text) => {
    const urls = partsOf(text, countMax);
    if (urls.length === 0) one("");
    return urls.map(one);
  };
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

/** Up to `countMax` `key=value` pairs with commas between them; the empty text is none. */
export function tagsUpTo(countMax: number): (text: string) => ReadonlyMap<string, string> {
  return (text) => {
    const tags = new Map<string, string>();
    for (const pair of partsOf(text, countMax)) {
      const [, key, value] = /^([A-Za-z0-9_.-]{1,40})=([^=,\p{Cc}]{1,100})$/u.exec(pair) ?? [];
      if (key === undefined || value === undefined || tags.has(key)) throw new Error("key=value,… such as IDC=fra");
      tags.set(key, value);
    }
    return tags;
  };
}

/** A whole number. */
export function wholeFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) throw new Error(`a whole number from ${least} to ${most}`);
    return value;
  };
}

/** A number with or without a fraction. */
export function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}(?:\.\d{1,9})?$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) throw new Error(`a number from ${least} to ${most}`);
    return value;
  };
}

/** The weight of a node, or of a zone. */
export function parseWeight(text: string): number {
  return wholeFrom(0, weightMax)(text);
}

/** Up to `countMax` weights of zones, `zone=weight` with commas between them; the empty text is none. */
export function zoneWeightsUpTo(countMax: number): (text: string) => ReadonlyMap<string, number> {
  return (text) => {
    const weights = new Map<string, number>();
    for (const pair of partsOf(text, countMax)) {
      const [, zone, weight] = /^(.+)=(\d{1,7})$/.exec(pair) ?? [];
      if (zone === undefined || weight === undefined || weights.has(zone))
        throw new Error("zone=weight,… such as zone01=80,zone02=20, each zone once");
      weights.set(parseLabel(zone), parseWeight(weight));
    }
    return weights;
  };
}

/** A name of visible characters, such as a zone's. */
export function parseLabel(text: string): string {
  if (text === "" || !isPrintable(text)) throw new Error("a text that is not empty, of visible characters");
  return text;
}

/** The name of an account or an app. */
export function parseName(text: string): string {
  if (!validName(text)) throw new Error(nameRule);
  return text;
}

/** A device's name: printable; the empty text is a device, too. */
export function parseDevice(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new Error("a text without control characters");
  return text;
}

/** The path of a file or folder; whether one is there is seen when it is opened. */
export function parsePath(text: string): string {
  if (!isPath(text)) throw new Error("a path that is not empty and holds no NUL character");
  return text;
}

/** A text without white space and control characters. */
export function parseWord(text: string): string {
  if (!/^[^\s\p{Cc}]+$/u.test(text)) throw new Error("a text that is not empty, without white space");
  return text;
}

/** Any text but the empty one. */
export function parseText(text: string): string {
  if (text === "") throw new Error("a text that is not empty");
  return text;
}
