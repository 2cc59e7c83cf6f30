// X-Forwarded-For: on whose behalf a proxy speaks. Each proxy appends the address that it was asked from, so the header is
// believed from its right end, and only as far as trusted proxies have written it; whatever is left of that anybody may have
// made up. `Forwarded` (RFC 7239) is not read: a proxy that sets one of the two headers passes the other one through.

import type { BlockList } from "node:net";
import { plainAddress } from "./address.ts";
import { canonicalAddress, holdsAddress, isLoopbackAddress } from "./address-ranges.ts";

/** Trusted proxies that one request may have passed; the header is not read beyond them. */
const hopsMax = 64;
/** The longest text of an address, its port and blanks around it. */
const hopCharactersMax = 80;

/**
 * The client's address: `remote`, the socket's own, unless it is a trusted proxy; then the right-most address of the header
 * that is no trusted proxy. Where the header ends, or is no list of addresses, the last trusted proxy counts as the client.
 * A loopback address is believed of a proxy on loopback alone: elsewhere it means another machine, and must not pass for
 * one that no limit counts.
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

/** An element of the header: `10.0.0.1`, `10.0.0.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`. */
function addressOfHop(hop: string): string | undefined {
  const text = hop.trim();
  const [, bracketed] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? [];
  const [, beforePort] = /^([\d.]+):\d{1,5}$/.exec(text) ?? [];
  return canonicalAddress(bracketed ?? beforePort ?? text);
}
