// The places for connections of DNS over TCP, in all and for one address. Whoever comes gets one: beyond the bound the
// connection goes that is longest without a query, of the address itself, or of the one that holds most. So a peer that
// keeps many connections open costs itself its own, and nobody is kept out by those who came first.

import type { Limits } from "../../base/limits/limits.ts";
import { isLoopbackAddress } from "../../transport/address-ranges.ts";
import { quotaAddress } from "../../transport/quota-address.ts";

/** A connection as its place knows it. */
export interface Placed {
  /** The peer's plain IP address. */
  readonly address: string;
  /** Gives the place up: another one needs it. */
  evict(): void;
}

export class ConnectionPlaces<Connection extends Placed> {
  /** By what an address counts as; of each the one first that is longest without a query. */
  private readonly addresses = new Map<string, Set<Connection>>();
  private readonly limits: Limits;
  private count = 0;

  constructor(limits: Limits) {
    this.limits = limits;
    limits.measure("dnsConnections", () => this.count);
    limits.measure("dnsConnectionsPerAddress", () => this.most(({ address }) => !isLoopbackAddress(address)));
  }

  get size(): number {
    return this.count;
  }

  *all(): Generator<Connection> {
    for (const connections of this.addresses.values()) yield* connections;
  }

  /** Takes a connection in; may end another one. */
  enter(connection: Connection): void {
    const { address } = connection;
    const { dnsConnections, dnsConnectionsPerAddress } = this.limits.values;
    const quota = quotaAddress(address);
    const own = this.addresses.get(quota);
    // A resolver of this machine asks for everybody on it.
    const isOwnFull = own !== undefined && own.size >= dnsConnectionsPerAddress && !isLoopbackAddress(address);
    if (isOwnFull) {
      this.limits.met("dnsConnectionsPerAddress", { address });
      this.evictFrom(own);
    } else if (this.count >= dnsConnections) {
      const busiest = this.busiest();
      this.limits.met("dnsConnections", { address });
      if (busiest !== undefined) this.evictFrom(busiest);
    }
    const connections = this.addresses.get(quota) ?? new Set<Connection>();
    this.addresses.set(quota, connections);
    connections.add(connection);
    this.count++;
  }

  /** A connection has asked something. */
  asked(connection: Connection): void {
    const connections = this.addresses.get(quotaAddress(connection.address));
    if (connections?.delete(connection) === true) connections.add(connection);
  }

  /** A connection has ended; nothing happens if it had no place any more. */
  leave(connection: Connection): void {
    const connections = this.addresses.get(quotaAddress(connection.address));
    if (connections?.delete(connection) !== true) return;
    this.count--;
    if (connections.size === 0) this.addresses.delete(quotaAddress(connection.address));
  }

  private evictFrom(connections: Set<Connection>): void {
    const [oldest] = connections;
    if (oldest === undefined) return;
    this.leave(oldest);
    oldest.evict();
  }

  /** The connections of the address that holds most. */
  private busiest(): Set<Connection> | undefined {
    let busiest: Set<Connection> | undefined;
    for (const connections of this.addresses.values())
      if (connections.size > (busiest?.size ?? 0)) busiest = connections;
    return busiest;
  }

  private most(counts: (connection: Connection) => boolean): number {
    let most = 0;
    for (const connections of this.addresses.values()) {
      const [first] = connections;
      if (first !== undefined && counts(first)) most = Math.max(most, connections.size);
    }
    return most;
  }
}
