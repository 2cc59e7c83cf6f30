// How many connections a process takes, on all listeners that share it, and how many of them may be strangers. A connection
// is a stranger from the moment that it is accepted until its peer has shown who it is: a client by its token, a node by its
// proof of the cluster key.
//
// Whoever comes last gets in: at a bound the stranger that has been silent for the longest time is ended. So those who
// connect and say nothing cannot keep out who does speak, and each stranger costs a bounded amount of memory. Before any
// stranger those go that have been told why they end, and keep their side open.
//
// Invariant: `strangers` is in the order in which they were heard last, and so is the set of each address. A connection is
// in `strangers` or in `ending` or in neither.

/** A connection as its admission sees it. */
export interface Admitted {
  /** The peer's address. */
  readonly remoteAddress: string;
  /** Ends the connection, because another one takes its place. `isTold`: with a close frame, which takes some seconds. */
  evict(isTold: boolean): void;
}

/** The bounds of an admission. */
export type AdmissionBound = "connections" | "strangers" | "strangersPerAddress";

export interface AdmissionParts {
  /** Connections, and those above it that are only there to be told that there are too many. */
  readonly connectionsMax: number;
  readonly overflowMax: number;
  readonly strangersMax: number;
  readonly strangersPerAddressMax: number;
  /** Connections that wait for nothing but their peers' end. Default: unlimited. */
  readonly endingMax?: number;
  /** What an address counts as; undefined: its strangers are not counted by address. */
  readonly quotaOf: (address: string) => string | undefined;
  /** A bound has ended or refused a connection of this address. */
  readonly met: (bound: AdmissionBound, address: string) => void;
}

/** Counts connections; one for all listeners that share a bound. */
export class Admission {
  private readonly parts: AdmissionParts;
  private readonly strangers = new Set<Admitted>();
  /** They wait for nothing but their peers' end. */
  private readonly ending = new Set<Admitted>();
  /** By what their addresses count as. */
  private readonly byAddress = new Map<string, Set<Admitted>>();
  private total = 0;

  constructor(parts: AdmissionParts) {
    this.parts = parts;
  }

  /** Open connections, strangers and others. */
  get connections(): number {
    return this.total;
  }

  get strangerCount(): number {
    return this.strangers.size;
  }

  /** The strangers of the address that has the most of them. */
  get strangersOfOneAddress(): number {
    let most = 0;
    for (const { size } of this.byAddress.values()) most = Math.max(most, size);
    return most;
  }

  /**
   * Takes a new connection as a stranger; another one may be ended for it.
   * @returns false if it must be ended at once, without a word: it is not counted then.
   */
  enter(connection: Admitted): boolean {
    const { connectionsMax, overflowMax, strangersMax, met } = this.parts;
    if (this.total >= connectionsMax) {
      met("connections", connection.remoteAddress);
      // Its descriptor is needed now: no time for a close frame.
      this.evictFirst(this.ending.size > 0 ? this.ending : this.strangers, false);
      if (this.total >= connectionsMax + overflowMax) return false;
    }
    this.total++;
    if (this.strangers.size >= strangersMax) this.evictMet("strangers", this.strangers);
    this.add(connection);
    return true;
  }

  /**
   * True if one more socket may wait to `enter`, beside `waiting` others that have not entered: each has a descriptor, and
   * all that enter have no more of them than the process has.
   */
  mayWait(waiting: number): boolean {
    const { connectionsMax, overflowMax } = this.parts;
    return this.total + waiting < connectionsMax + overflowMax;
  }

  /** A stranger sent something. */
  heard(stranger: Admitted): void {
    if (!this.strangers.delete(stranger)) return;
    this.strangers.add(stranger);
    const ofAddress = this.ofAddress(stranger.remoteAddress);
    if (ofAddress?.delete(stranger) === true) ofAddress.add(stranger);
  }

  /** The peer has shown who it is. */
  identified(stranger: Admitted): void {
    this.forget(stranger);
  }

  /** All that was to be sent has left; what remains is that the peer ends its side. */
  ends(connection: Admitted): void {
    this.forget(connection);
    this.ending.add(connection);
    const { endingMax = Number.POSITIVE_INFINITY } = this.parts;
    if (this.ending.size > endingMax) this.evictFirst(this.ending, false);
  }

  /** A connection that `enter` took is gone, and its descriptor free. */
  leave(connection: Admitted): void {
    this.total--;
    this.ending.delete(connection);
    this.forget(connection);
  }

  private add(stranger: Admitted): void {
    const { quotaOf, strangersPerAddressMax } = this.parts;
    const quota = quotaOf(stranger.remoteAddress);
    if (quota !== undefined) {
      const ofAddress = this.byAddress.get(quota);
      if (ofAddress === undefined) this.byAddress.set(quota, new Set([stranger]));
      else {
        // The last one of an address is not deleted with its set, for it joins it.
        ofAddress.add(stranger);
        if (ofAddress.size > strangersPerAddressMax) this.evictMet("strangersPerAddress", ofAddress);
      }
    }
    this.strangers.add(stranger);
  }

  private forget(stranger: Admitted): void {
    if (!this.strangers.delete(stranger)) return;
    const address = stranger.remoteAddress;
    const ofAddress = this.ofAddress(address);
    if (ofAddress?.delete(stranger) !== true || ofAddress.size > 0) return;
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

  /** Ends the one that has been silent for the longest time; returns it. */
  private evictFirst(from: ReadonlySet<Admitted>, isTold: boolean): Admitted | undefined {
    const [first] = from;
    if (first === undefined) return undefined;
    this.ending.delete(first);
    this.forget(first);
    first.evict(isTold);
    return first;
  }
}
