// What a web page may ask of a port that is not meant for browsers: nothing. A browser lets any page send requests to any
// address that it reaches, this machine's included, and a page whose name is made to resolve to such an address (DNS
// rebinding) reads the answers, too. A browser says that it is one: by `Origin` on every POST, by `Sec-Fetch-Site`, and by
// the name in `Host`. No other client sends the first two.

import type { SocketAddress } from "../address.ts";
import { isLoopbackHost } from "../address-ranges.ts";
import { type HostName, parseHost } from "./request-head.ts";

/** What the guard looks at. */
export interface GuardedRequest {
  readonly host: HostName | undefined;
  /** The value of a field, by its name in lower case. */
  header(name: string): string | undefined;
}

/** Returns why a request is refused; undefined if it is not. */
export type BrowserGuard = (request: GuardedRequest) => string | undefined;

/**
 * The guard of a port. `address` is where it listens: on loopback, where names are of no use to others, a request names
 * it by an address, as `localhost`, or by one of `names`: hosts under which it is advertised.
 */
export function browserGuard(address: SocketAddress, names: readonly string[] = []): BrowserGuard {
  const isLocal = isLoopbackHost(address.host);
  const known = new Set(["localhost"]);
  for (const name of names) {
    const host = parseHost(name);
    if (host !== undefined) known.add(host.name);
  }
  return (request) => {
    if (request.header("origin") !== undefined) return "web pages are not served here: the request has an Origin";
    const site = request.header("sec-fetch-site")?.toLowerCase();
    if (site !== undefined && site !== "none" && site !== "same-origin")
      return `web pages are not served here: Sec-Fetch-Site is neither none nor same-origin`;
    const { host } = request;
    if (isLocal && host !== undefined && !host.isAddress && !known.has(host.name))
      return "the Host is neither an address nor localhost nor the host of --advertise";
    return undefined;
  };
}
