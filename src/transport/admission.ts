// Bounds the connections of all listeners that share it, and the unidentified ones among them. A connection is
// unidentified until its peer has shown who it is: a client by its token, a node by its proof of the cluster key.
//
// A new connection always gets in: at a bound the unidentified one that has been silent longest is ended, so peers that
// connect and send nothing cannot keep out others, and unidentified peers use a bounded amount of memory. Connections
// that were sent their close frame and keep their side open are ended before these.
//
// Invariant: `unidentified` and the set of each address are ordered by when they were heard last. A connection is in
// `unidentified`, in `ending` or in neither.

/** A connection as its admission sees it. */
export interface Admitted {
  /** The peer's address. */
  readonly remoteAddress: string;
  /** Ends the connection in favour of another one. `isTold`: with a close frame, which takes some seconds. */
  evict(isTold: boolean): void;
}

/** The bounds of an admission. */
export type AdmissionBound = "connections" | "unidentified" | "unidentifiedPerAddress";

export interface AdmissionParts {
  /** Connections, and those above the bound that only get a close frame. */
  readonly connectionsMax: number;
  readonly overflowMax: number;
  readonly unidentifiedMax: number;
  readonly unidentifiedPerAddressMax: number;
  /** Connections that only wait for their peers' end. Default: unlimited. */
  readonly endingMax?: number;
  /** Returns what an address counts as; undefined if unidentified connections are not counted by address. */
  readonly quotaOf: (address: string) => string | undefined;
  /** A bound has ended or refused a connection of this address. */
  readonly met: (bound: AdmissionBound, address: string) => void;
}

/** Counts connections; one for all listeners that share a bound. */
export class Admission {
  private readonly parts: AdmissionParts;
  private readonly unidentified = new Set<Admitted>();
  /** Connections that only wait for their peers' end. */
  private readonly ending = new Set<Admitted>();
  /** Unidentified connections by what their addresses count as. */
  private readonly byAddress = new Map<string, Set<Admitted>>();
  private total = 0;

  constructor(parts: AdmissionParts) {
    this.parts = parts;
  }

  /** All open connections. */
  get connections(): number {
    return this.total;
  }

  get unidentifiedCount(): number {
    return this.unidentified.size;
  }

  /** The unidentified connections of the address that has the most of them. */
  get unidentifiedOfOneAddress(): number {
    let most = 0;
    for (const { size } of this.byAddress.values()) most = Math.max(most, size);
    return most;
  }

  /**
   * Adds a new connection as a connection, and may end another one for it.
   * @returns false if the connection must be ended at once, without a close frame; it is not counted then.
   */
  enter(connection: Admitted): boolean {
    const { connectionsMax, overflowMax, unidentifiedMax, met } = this.parts;
    if (this.total >= connectionsMax) {
      met("connections", connection.remoteAddress);
      // Its descriptor is needed now: no time for a close frame.
      this.evictFirst(this.ending.size > 0 ? this.ending : this.unidentified, false);
      if (this.total >= connectionsMax + overflowMax) return false;
    }
    this.total++;
    if (this.unidentified.size >= unidentifiedMax) this.evictMet("unidentified", this.unidentified);
    this.add(connection);
    return true;
  }

  /**
   * True if one more socket may wait to `enter`, beside `waiting` others: each has a descriptor, and the process has a
   * bounded number of them.
   */
  mayWait(waiting: number): boolean {
    const { connectionsMax, overflowMax } = this.parts;
    return this.total + waiting < connectionsMax + overflowMax;
  }

  /** An unidentified peer has sent something. */
  heard(connection: Admitted): void {
    if (!this.unidentified.delete(connection)) return;
    this.unidentified.add(connection);
    const ofAddress = this.ofAddress(connection.remoteAddress);
    if (ofAddress?.delete(connection) === true) ofAddress.add(connection);
  }

  /** The peer has shown who it is. */
  identified(connection: Admitted): void {
    this.forget(connection);
  }

  /** Everything was sent; the connection only waits for its peer's end. */
  ends(connection: Admitted): void {
    this.forget(connection);
    this.ending.add(connection);
    const { endingMax = Number.POSITIVE_INFINITY } = this.parts;
    if (this.ending.size > endingMax) this.evictFirst(this.ending, false);
  }

  /** A counted connection is gone, and its descriptor free. */
  leave(connection: Admitted): void {
    this.total--;
    this.ending.delete(connection);
    this.forget(connection);
  }

  private add(connection: Admitted): void {
    const { quotaOf, unidentifiedPerAddressMax } = this.parts;
    const quota = quotaOf(connection.remoteAddress);
    if (quota !== undefined) {
      const ofAddress = this.byAddress.getOrInsertComputed(quota, () => new Set());
      // The last one of an address is not deleted with its set, for it joins it.
      ofAddress.add(connection);
      if (ofAddress.size > unidentifiedPerAddressMax) this.evictMet("unidentifiedPerAddress", ofAddress);
    }
    this.unidentified.add(connection);
  }

  private forget(connection: Admitted): void {
    if (!this.unidentified.delete(connection)) return;
    const address = connection.remoteAddress;
    const ofAddress = this.ofAddress(address);
    if (ofAddress?.delete(connection) !== true || ofAddress.size > 0) return;
    this.byAddress.delete(this.parts.quotaOf(address) ?? "");
  }

  private ofAddress(address: string): Set<Admitted> | undefined {
    const quota = this.parts.quotaOf(address);
    return quota === undefined ? undefined : this.byAddress.get(quota);
  }

  private evictMet(bound: AdmissionBound, from: ReadonlySet<Admitted>): void {
    const evicted = this.evictFirst(from, true);
    if (evicted !== undefined) this.parts.met(bound, evicted.remoteAddress);
  }

  /** Ends the connection that has been silent longest, and returns it. */
  private evictFirst(from: ReadonlySet<Admitted>, isTold: boolean): Admitted | undefined {
    const [first] = from;
    if (first === undefined) return undefined;
    this.ending.delete(first);
    this.forget(first);
    first.evict(isTold);
    return first;
  }
}
