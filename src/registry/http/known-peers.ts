// Recognises nodes of the registry by address: those that the operator named or that are registered. Without a cluster
// key, nothing else is known of a caller.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { plainAddress } from "../../transport/address.ts";
import { canonicalAddress } from "../../transport/address-ranges.ts";

/** The shortest time between two resolutions of names. */
const resolveMs = 5_000;

/** Resolves a host name to addresses; rejects if it has none. */
type Resolve = (host: string) => Promise<readonly string[]>;

const systemResolve: Resolve = async (host) => (await lookup(host, { all: true })).map(({ address }) => address);

export class KnownPeers {
  private readonly addresses: () => readonly string[];
  private readonly resolve: Resolve;
  private resolved: ReadonlySet<string> = new Set();
  private resolvedAtMs = -Infinity;

  /** `addresses` returns the other nodes, `host:port`. */
  constructor(addresses: () => readonly string[], resolve = systemResolve) {
    this.addresses = addresses;
    this.resolve = resolve;
  }

  /**
   * Reports whether an address is a node's. Names are resolved in the background: a node whose name is not resolved yet
   * is recognised the next time.
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
      // A name without addresses matches nothing.
      if (result.status === "fulfilled") for (const address of result.value) found.add(plainAddress(address));
    }
    this.resolved = found;
  }
}

/** Returns the host of `host:port` without brackets, and an address as sockets spell it. */
function hostOf(address: string): string {
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[(.*)\]$/, "$1");
  return canonicalAddress(host) ?? host;
}
