// Bounds DNS connections over TCP, in all and per address. New connections are always accepted: beyond a bound, the
// connection that has been without a query for longest is closed, of the same address or of the one with most
// connections. So a peer that keeps many connections open loses its own, and early ones cannot keep others out.

import type { Limits } from "../../base/limits/limits.ts";
import { isLoopbackAddress } from "../../transport/address-ranges.ts";
import { quotaAddress } from "../../transport/quota-address.ts";

/** A connection that can be evicted. */
export interface Placed {
  /** The peer's plain IP address. */
  readonly address: string;
  /** Closes the connection for a new one. */
  evict(): void;
}

export class ConnectionPlaces<Connection extends Placed> {
  /** By quota address; the connection that has been without a query for longest comes first. */
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

  /** Adds a connection; may evict another one. */
  enter(connection: Connection): void {
    const { address } = connection;
    const { dnsConnections, dnsConnectionsPerAddress } = this.limits.values;
    const quota = quotaAddress(address);
    const own = this.addresses.get(quota);
    // A resolver on this machine asks for all its users.
    const isOwnFull = own !== undefined && own.size >= dnsConnectionsPerAddress && !isLoopbackAddress(address);
    if (isOwnFull) {
      this.limits.met("dnsConnectionsPerAddress", { address });
      this.evictFrom(own);
    } else if (this.count >= dnsConnections) {
      const busiest = this.busiest();
      this.limits.met("dnsConnections", { address });
      if (busiest !== undefined) this.evictFrom(busiest);
    }
    this.addresses.getOrInsertComputed(quota, () => new Set()).add(connection);
    this.count++;
  }

  /** Records a query. */
  asked(connection: Connection): void {
    const connections = this.addresses.get(quotaAddress(connection.address));
    if (connections?.delete(connection) === true) connections.add(connection);
  }

  /** Removes a closed connection; does nothing if it was evicted. */
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

  /** Returns the connections of the address that has most. */
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
