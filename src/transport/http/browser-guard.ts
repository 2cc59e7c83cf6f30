// Refuses requests of web pages to a port that is not for browsers. A browser lets any page send requests to any
// address that it reaches, also to this machine, and a page whose name resolves to such an address (DNS rebinding) can
// read the answers. A browser shows in `Origin` on every POST, in `Sec-Fetch-Site`, and in the name in `Host`. No other
// client sends the first two.

import type { SocketAddress } from "../address.ts";
import { isLoopbackHost } from "../address-ranges.ts";
import { type HostName, parseHost } from "./request-head.ts";

/** The part of a request that the guard checks. */
export interface GuardedRequest {
  readonly host: HostName | undefined;
  /** Returns the value of a field, by its name in lower case. */
  header(name: string): string | undefined;
}

/** Returns the reason of a refusal; undefined if the request is allowed. */
export type BrowserGuard = (request: GuardedRequest) => string | undefined;

/**
 * Returns the guard of a port. `address` is where it listens: on loopback, a request must name it by an address, as
 * `localhost`, or by one of `names`, the hosts under which it is advertised.
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
