// Which callers are nodes of the registry, as far as an address tells: those of the nodes that the operator named or
// that are registered. Without a cluster key it is all that is known of a caller.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { plainAddress } from "../../transport/address.ts";
import { canonicalAddress } from "../../transport/address-ranges.ts";

/** Names are resolved again after this long at the soonest. */
const resolveMs = 5_000;

/** Resolves a host's name to addresses; rejects if it has none. */
type Resolve = (host: string) => Promise<readonly string[]>;

const systemResolve: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

export class KnownPeers {
  private readonly addresses: () => readonly string[];
  private readonly resolve: Resolve;
  private resolved: ReadonlySet<string> = new Set();
  private resolvedAtMs = -Infinity;

  /** `addresses` gives the other nodes, `host:port`. */
  constructor(addresses: () => readonly string[], resolve = systemResolve) {
    this.addresses = addresses;
    this.resolve = resolve;
  }

  /**
   * True for the address of a node. Names are resolved behind the caller's back: a node whose name is not resolved yet
   * is known the next time.
   */
  isNode(address: string): boolean {
    const hosts = this.addresses().map(hostOf);
    if (hosts.includes(address) || this.resolved.has(address)) return true;
    void this.resolveAll(hosts.filter((host) => isIP(host) === 0));
    return false;
  }

  private async resolveAll(names: readonly string[]): Promise<void> {
    if (names.length === 0 || performance.now() - this.resolvedAtMs < resolveMs) return;
    this.resolvedAtMs = performance.now();
    const found = new Set<string>();
    for (const result of await Promise.allSettled(names.map((name) => this.resolve(name)))) {
      // A name without addresses is nobody's.
      if (result.status === "fulfilled") for (const address of result.value) found.add(plainAddress(address));
    }
    this.resolved = found;
  }
}

/** The host of `host:port`, without brackets; an address in the one spelling that a socket's own has. */
function hostOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
  return canonicalAddress(host) ?? host;
}
