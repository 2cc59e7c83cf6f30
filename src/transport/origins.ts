// Web pages that may use a port, by their origin (RFC 6454, and RFC 6455, 10.2). A browser sends a page's origin in
// `Origin`; other clients send none, and may claim any. So this keeps pages out, and nobody else.

import { originCharactersMax } from "../base/limits/fixed.ts";

/** An origin as its page has it, in parts that are compared. */
interface Place {
  /** With the colon. */
  readonly scheme: string;
  readonly host: string;
  /** '' for the default port of the scheme. */
  readonly port: string;
}

const anywhere = "*";
/**
 * Origins without a host. Pages without an origin, such as a file or a sandboxed frame, send the first; files in a
 * program that lets them read other files (Electron, a WebView of Android) send the second.
 */
const hostless: readonly string[] = ["null", "file://"];
const anySubdomain = "://*.";

/** A list of origins that are allowed. Immutable. */
export class Origins {
  private readonly isOpen: boolean;
  private readonly exact: ReadonlySet<string>;
  private readonly subdomains: readonly Place[];

  /**
   * Each pattern is an origin, `https://*.example.com` for all names below that one, `null`, `file://`, or `*` for all
   * pages. An empty list allows none.
   * @throws Error with a sentence that says what would be right
   */
  constructor(patterns: readonly string[]) {
    this.isOpen = patterns.includes(anywhere);
    const exact = new Set(patterns.filter((pattern) => hostless.includes(pattern)));
    const subdomains: Place[] = [];
    for (const pattern of patterns) {
      if (pattern === anywhere || hostless.includes(pattern)) continue;
      const isWide = pattern.includes(anySubdomain);
      const place = placeOf(isWide ? pattern.replace(anySubdomain, "://") : pattern);
      if (place === undefined || place.host.includes("*"))
        throw new Error(
          "origins with commas between them, such as https://example.com or https://*.example.com; *: all",
        );
      if (isWide) subdomains.push({ ...place, host: `.${place.host}` });
      else exact.add(textOf(place));
    }
    this.exact = exact;
    this.subdomains = subdomains;
  }

  /** Reports whether all pages are allowed. */
  get areAll(): boolean {
    return this.isOpen;
  }

  /** Reports whether a request with this `Origin` is allowed: without one, no page has sent it. */
  allow(origin: string | null | undefined): boolean {
    if (this.isOpen || origin === null || origin === undefined) return true;
    if (hostless.includes(origin)) return this.exact.has(origin);
    const place = placeOf(origin);
    if (place === undefined) return false;
    return (
      this.exact.has(textOf(place)) ||
      this.subdomains.some(
        ({ scheme, host, port }) => scheme === place.scheme && port === place.port && place.host.endsWith(host),
      )
    );
  }
}

/** Reports whether a page of this origin is of the server itself: `host` is the request's `Host`. */
export function isOwnOrigin(origin: string, host: string | null, isSecure: boolean): boolean {
  const [place, own] = [placeOf(origin), placeOf(`${isSecure ? "https" : "http"}://${host ?? ""}`)];
  return place !== undefined && own !== undefined && textOf(place) === textOf(own);
}

const textOf = ({ scheme, host, port }: Place): string => `${scheme}//${host}:${port}`;

/** Parses `scheme://host[:port]`; undefined if it is anything else. Letters are made small, default ports removed. */
function placeOf(text: string): Place | undefined {
  if (text.length > originCharactersMax || !/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\,]+\/?$/i.test(text)) return undefined;
  const url = URL.parse(text);
  if (url === null || url.hostname === "") return undefined;
  // Names of schemes such as capacitor: stay as they are written.
  return { scheme: url.protocol, host: url.hostname.toLowerCase(), port: url.port };
}
