// The other nodes of the registry: those that the operator named, and those registered in the registry itself. Nodes
// that are down are asked again, whichever side was away.
//
// A client that may write may register any address as a node's. So a registered node receives nothing until it has
// answered as a node does, and is asked at growing intervals until then: otherwise this node would send its table to
// any address of a stranger's choice.

import { tombstoneMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { NodeInfo } from "./peer-messages.ts";

/** One other node. */
export interface Peer {
  /** `host:port`. */
  readonly address: string;
  /** Named by the operator, and never forgotten. */
  readonly isStatic: boolean;
  /** '' until it has sent its zone: it counts as one of our own zone. */
  zone: string;
  incarnation: string;
  /** It answered the last request. */
  isUp: boolean;
  /** It has answered as a node of the registry does; assumed of nodes that the operator named. */
  isNode: boolean;
  /** A node that has never answered is not asked before this time. */
  askAfterMs: number;
  /** Failed requests since its last answer. */
  misses: number;
  /** When it was last registered or answered, by the monotonic clock. */
  seenAtMs: number;
}

/** The shortest and the longest pause between requests to an address that has never answered. */
const askMsMin = 5_000;
const askMsMax = 320_000;

export class Peers {
  private readonly zone: string;
  private readonly incarnation: string;
  private readonly limits: Limits;
  private readonly peers = new Map<string, Peer>();
  /** Addresses that turned out to be this node's. */
  private readonly own: Set<string>;

  constructor(self: { zone: string; incarnation: string; address: string }, seeds: readonly string[], limits: Limits) {
    this.limits = limits;
    this.zone = self.zone;
    this.incarnation = self.incarnation;
    this.own = new Set([self.address]);
    for (const address of seeds) this.add(address, "", true, 0);
  }

  all(): Peer[] {
    return [...this.peers.values()];
  }

  get size(): number {
    return this.peers.size;
  }

  get(address: string): Peer | undefined {
    return this.peers.get(address);
  }

  /** Returns the nodes of our zone, and those whose zone is unknown. */
  ownZone(): Peer[] {
    return this.all().filter(({ zone }) => zone === "" || zone === this.zone);
  }

  /** Returns the nodes that are down and due to be asked. */
  down(nowMs: number): Peer[] {
    return this.all().filter(({ address }) => this.isWorthAsking(address, nowMs));
  }

  /** Reports whether a node is down and due to be asked: a node that has never answered only after its pause. */
  isWorthAsking(address: string, nowMs: number): boolean {
    const peer = this.peers.get(address);
    return peer !== undefined && !peer.isUp && (peer.isNode || nowMs >= peer.askAfterMs);
  }

  /** Returns the proven nodes of other zones, by zone. */
  otherZones(): Map<string, Peer[]> {
    const others = this.all().filter(({ isNode, zone }) => isNode && zone !== "" && zone !== this.zone);
    return Map.groupBy(others, ({ zone }) => zone);
  }

  /** Records that the registry lists a node. */
  listed(address: string, zone: string, nowMs: number): void {
    const peer = this.peers.get(address) ?? this.add(address, zone, false, nowMs);
    if (peer === undefined) return;
    peer.seenAtMs = nowMs;
    if (peer.zone === "") peer.zone = zone;
  }

  /** Records an answer or a request of a node. */
  heard(address: string, node: NodeInfo, nowMs: number): void {
    if (node.incarnation !== "" && node.incarnation === this.incarnation) {
      this.own.add(address);
      this.peers.delete(address);
      return;
    }
    const peer = this.peers.get(address) ?? this.add(address, node.zone, false, nowMs);
    if (peer === undefined) return;
    peer.seenAtMs = nowMs;
    peer.isUp = true;
    peer.isNode = true;
    peer.misses = 0;
    peer.incarnation = node.incarnation;
    if (node.zone !== "") peer.zone = node.zone;
  }

  /** Records that a node did not answer. */
  lost(address: string, nowMs: number): void {
    const peer = this.peers.get(address);
    if (peer === undefined) return;
    peer.isUp = false;
    peer.askAfterMs = nowMs + Math.min(askMsMin * 2 ** peer.misses, askMsMax);
    peer.misses++;
  }

  /** Removes a node that has cancelled itself. */
  left(address: string): void {
    if (this.peers.get(address)?.isStatic === false) this.peers.delete(address);
  }

  /** Forgets registered nodes that have been silent for as long as a tombstone lasts. */
  forget(nowMs: number): void {
    for (const { address, isStatic, seenAtMs } of this.all()) {
      if (!isStatic && nowMs - seenAtMs > tombstoneMs) this.peers.delete(address);
    }
  }

  private add(address: string, zone: string, isStatic: boolean, nowMs: number): Peer | undefined {
    if (address === "" || this.own.has(address)) return undefined;
    if (this.peers.size >= this.limits.values.registryNodes) {
      this.limits.met("registryNodes", { address });
      // An address that has never answered makes room.
      const vain = this.all().find(({ isNode, misses }) => !isNode && misses > 0);
      if (vain === undefined) return undefined;
      this.peers.delete(vain.address);
    }
    const peer: Peer = {
      address,
      isStatic,
      zone,
      incarnation: "",
      isUp: false,
      seenAtMs: nowMs,
      isNode: isStatic,
      askAfterMs: nowMs,
      misses: 0,
    };
    this.peers.set(address, peer);
    return peer;
  }
}
