// The other nodes of the registry: those that the operator named, and those that are registered in the registry itself.
// A node that is lost is looked for again, whichever of the two sides was away.
//
// Every client that may write may register any address as a node's. So one that was found in the registry is told
// nothing until it has answered as a node does, and is asked ever more rarely until then: else this node would send its
// table to whom a stranger likes.

import { tombstoneMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { NodeInfo } from "./peer-messages.ts";

/** One other node. */
export interface Peer {
  /** `host:port`. */
  readonly address: string;
  /** Named by the operator: never forgotten. */
  readonly isStatic: boolean;
  /** '' until it has said so; then it counts as one of our own zone. */
  zone: string;
  incarnation: string;
  /** It answered the last time. */
  isUp: boolean;
  /** Somebody answers there as a node of the registry does; of those that the operator named it is believed. */
  isNode: boolean;
  /** Before this moment one that has never answered is not asked again. */
  askAfterMs: number;
  /** How often it was asked in vain since it answered. */
  misses: number;
  /** When it was registered, or answered, by the monotonic clock. */
  seenAtMs: number;
}

/** Between two questions to an address that has never answered: the first pause, and the longest. */
const askMsMin = 5_000;
const askMsMax = 320_000;

export class Peers {
  private readonly zone: string;
  private readonly incarnation: string;
  private readonly limits: Limits;
  private readonly peers = new Map<string, Peer>();
  /** Addresses under which we have met ourselves. */
  private readonly own: Set<string>;

  constructor(self: { zone: string; incarnation: string; address: string }, seeds: readonly string[], limits: Limits) {
    this.limits = limits;
    this.zone = self.zone;
    this.incarnation = self.incarnation;
    this.own = new Set([self.address]);
    for (const address of seeds) this.add(address, "", true, 0);
  }

  /** All others. */
  all(): Peer[] {
    return [...this.peers.values()];
  }

  get size(): number {
    return this.peers.size;
  }

  get(address: string): Peer | undefined {
    return this.peers.get(address);
  }

  /** Those of our own zone, and those that have not yet said where they are. */
  ownZone(): Peer[] {
    return this.all().filter(({ zone }) => zone === "" || zone === this.zone);
  }

  /** Those that are to be asked now, though they did not answer the last time. */
  lostOnes(nowMs: number): Peer[] {
    return this.all().filter(({ address }) => this.isWorthAsking(address, nowMs));
  }

  /** True for a node that did not answer the last time, and for what may be one, when its pause is over. */
  isWorthAsking(address: string, nowMs: number): boolean {
    const peer = this.peers.get(address);
    return peer !== undefined && !peer.isUp && (peer.isNode || nowMs >= peer.askAfterMs);
  }

  /** Those elsewhere that are told things, by zone. */
  otherZones(): Map<string, Peer[]> {
    const zones = new Map<string, Peer[]>();
    for (const peer of this.peers.values()) {
      if (!peer.isNode) continue;
      if (peer.zone === "" || peer.zone === this.zone) continue;
      const others = zones.get(peer.zone);
      if (others === undefined) zones.set(peer.zone, [peer]);
      else others.push(peer);
    }
    return zones;
  }

  /** The registry lists a node. */
  listed(address: string, zone: string, nowMs: number): void {
    const peer = this.peers.get(address) ?? this.add(address, zone, false, nowMs);
    if (peer === undefined) return;
    peer.seenAtMs = nowMs;
    if (peer.zone === "") peer.zone = zone;
  }

  /** A node answered, or asked something. */
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

  /** A node did not answer. */
  lost(address: string, nowMs: number): void {
    const peer = this.peers.get(address);
    if (peer === undefined) return;
    peer.isUp = false;
    peer.askAfterMs = nowMs + Math.min(askMsMin * 2 ** peer.misses, askMsMax);
    peer.misses++;
  }

  /** A node has left, and said so. */
  left(address: string): void {
    if (this.peers.get(address)?.isStatic === false) this.peers.delete(address);
  }

  /** Forgets nodes that nobody named and nobody has heard of for as long as a tombstone lasts. */
  forget(nowMs: number): void {
    for (const { address, isStatic, seenAtMs } of this.all()) {
      if (!isStatic && nowMs - seenAtMs > tombstoneMs) this.peers.delete(address);
    }
  }

  private add(address: string, zone: string, isStatic: boolean, nowMs: number): Peer | undefined {
    if (address === "" || this.own.has(address)) return undefined;
    if (this.peers.size >= this.limits.values.registryNodes) {
      this.limits.met("registryNodes", { address });
      // One that has been asked in vain makes room.
      const vain = this.all().find(({ isNode, misses }) => !isNode && misses > 0);
      if (vain === undefined) return undefined;
      this.peers.delete(vain.address);
    }
    const peer: Peer = {
      ...{ address, isStatic, zone, incarnation: "", isUp: false, seenAtMs: nowMs },
      ...{ isNode: isStatic, askAfterMs: nowMs, misses: 0 },
    };
    this.peers.set(address, peer);
    return peer;
  }
}
