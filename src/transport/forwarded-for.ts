// X-Forwarded-For: the client for which a proxy sends a request. Each proxy appends the address of its own client, so
// the header is believed from its right end, as far as trusted proxies wrote it; anybody may have invented the rest.
// `Forwarded` (RFC 7239) is not read: a proxy that sets one of the two headers passes the other one through.

import type { BlockList } from "node:net";
import { plainAddress } from "./address.ts";
import { canonicalAddress, holdsAddress, isLoopbackAddress } from "./address-ranges.ts";

/** The maximum number of trusted proxies on the way of a request; elements before them are not read. */
const hopsMax = 64;
/** The longest element, with its port and blanks. */
const hopCharactersMax = 80;

/**
 * Returns the client's address: `remote`, the address of the socket, unless that is a trusted proxy; then the
 * right-most address of the header that is not a trusted proxy. If there is none, or the header is malformed, the last
 * trusted proxy counts as the client. A loopback address is believed only from a proxy on loopback: from elsewhere it
 * names another machine, and would escape the limits by address.
 */
export function forwardedAddress(remote: string, header: string | null, trusted: BlockList): string {
  let client = plainAddress(remote);
  if (header === null) return client;
  let end = header.length;
  for (let hops = 0; hops < hopsMax && end >= 0 && holdsAddress(trusted, client); hops++) {
    const comma = end === 0 ? -1 : header.lastIndexOf(",", end - 1);
    const address = end - comma > hopCharactersMax ? undefined : addressOfHop(header.slice(comma + 1, end));
    if (address === undefined || (isLoopbackAddress(address) && !isLoopbackAddress(client))) break;
    client = address;
    end = comma;
  }
  return client;
}

/** One element: `10.0.0.1`, `10.0.0.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`. */
function addressOfHop(hop: string): string | undefined {
  const text = hop.trim();
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? [];
  const [, beforePort] = /^([\d.]+):\d{1,5}$/.exec(text) ?? [];
  return canonicalAddress(bracketed ?? beforePort ?? text);
}
