// Which addresses webhooks may reach. An endpoint's URL comes from a back end, which must not make this server talk to
// what only this server can reach: the machine itself, its network, the metadata service of a cloud. A name is resolved
// once, every address of it is judged, and the connection goes to an address that was judged: a name that resolves to
// something else a moment later (DNS rebinding) changes nothing.

import { lookup } from "node:dns/promises";
import { type BlockList, isIP } from "node:net";
import { canonicalAddress, holdsAddress, listOfRanges, parseRange } from "../transport/address-ranges.ts";

/**
 * What is not reachable from everywhere, by the registries of RFC 6890 (special-purpose addresses), and the forms of
 * IPv6 that hold an IPv4 address, which a network may translate to anything.
 */
const closed = listOfRanges(
  [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
  ].map((text) => {
    const range = parseRange(text);
    if (range === undefined) throw new Error(`${text} is no range`);
    return range;
  }),
);
/** IPv4 in IPv6 (RFC 4291, 2.5.5.2). */
const mapped = /^::ffff:/i;

/** Where a request goes. */
export interface Destination {
  /** An IP address; with a proxy a name, too. */
  readonly address: string;
  readonly port: number;
  /** For TLS (SNI and the certificate's name); without brackets. */
  readonly name: string;
  /** The value of Host. */
  readonly host: string;
  readonly path: string;
  readonly isSecure: boolean;
}

/** An address that webhooks may not reach; the message says why, for the endpoint's owner. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/** The addresses of a name, all of them. */
type Resolve = (name: string) => Promise<readonly string[]>;

const resolveBySystem: Resolve = async (name) => (await lookup(name, { all: true })).map(({ address }) => address);

export class HookAddresses {
  private readonly allowed: BlockList | undefined;
  private readonly resolve: Resolve;

  /** `allowed`: of the closed ranges, those that an operator has opened. */
  constructor(allowed: BlockList | undefined, resolve: Resolve = resolveBySystem) {
    this.allowed = allowed;
    this.resolve = resolve;
  }

  /**
   * Finds where a URL leads. `isNamed`: a proxy resolves names, so that only addresses in the URL itself are judged.
   * @throws AddressRefused, and errors of the resolver
   */
  async find(url: string, isNamed = false): Promise<Destination> {
    const place = placeOf(url);
    const { name } = place;
    if (isIP(name) !== 0) return { ...place, address: this.judged(name, name) };
    if (isNamed) return { ...place, address: name };
    const found = await this.resolve(name);
    const [address] = found.map((each) => this.judged(each, name));
    if (address === undefined) throw new AddressRefused(`${name} has no address`);
    return { ...place, address };
  }

  private judged(address: string, name: string): string {
    if (this.mayReach(address)) return address;
    const of = address === name ? "" : `${name} is `;
    throw new AddressRefused(
      `${of}${address}, which is not reachable from everywhere; an operator opens such ranges with --hook-allow`,
    );
  }

  private mayReach(address: string): boolean {
    const plain = canonicalAddress(address);
    // An address with a zone.
    if (plain === undefined) return false;
    if (this.allowed !== undefined && holdsAddress(this.allowed, plain)) return true;
    return !mapped.test(address) && !holdsAddress(closed, plain) && !isMapped(address, plain);
  }
}

/** Another spelling of a mapped address. */
function isMapped(address: string, plain: string): boolean {
  return isIP(address) === 6 && isIP(plain) === 4;
}

/** Throws AddressRefused for a URL that no endpoint may have, whatever its name resolves to. */
export function placeOf(url: string): Omit<Destination, "address"> {
  const parsed = URL.parse(url);
  if (parsed === null) throw new AddressRefused("it is no URL; expected https://host/path");
  const { protocol, username, password, hostname, port, host, pathname, search } = parsed;
  if (protocol !== "https:" && protocol !== "http:")
    throw new AddressRefused(`its scheme is ${protocol.slice(0, -1)}; expected https or http`);
  if (username !== "" || password !== "")
    throw new AddressRefused("it holds credentials, which logs would show; the signature proves who sends");
  if (hostname === "") throw new AddressRefused("it names no host");
  const isSecure = protocol === "https:";
  return {
    port: port === "" ? (isSecure ? 443 : 80) : Number(port),
    name: hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, ""),
    host,
    path: pathname + search,
    isSecure,
  };
}
