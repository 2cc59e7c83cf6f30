// The destinations of writes: an outbox for each node of this zone, and one for each other zone, which sends to a node
// there that forwards the write.

import { Outbox, type OutboxHost } from "./outbox.ts";
import type { Peer, Peers } from "./peers.ts";

/** The source of a write, which decides which nodes receive it. */
export type Origin =
  /** A client: all nodes of this zone and one of each other zone receive it. */
  | "client"
  /** A node of another zone: the nodes of this zone receive it. */
  | "other-zone"
  /** A node of this zone: no node receives it. */
  | "replica";

export class Outboxes {
  /** By address, for nodes of this zone. */
  private readonly nodes = new Map<string, Outbox>();
  /** By name, for the other zones. */
  private readonly zones = new Map<string, Outbox>();
  private readonly host: OutboxHost;
  private readonly peers: Peers;
  private readonly ownZone: string;

  constructor(host: OutboxHost, peers: Peers, ownZone: string) {
    this.host = host;
    this.peers = peers;
    this.ownZone = ownZone;
  }

  /** Yields the outboxes for a write of this origin. */
  *audience(origin: Origin): Generator<Outbox> {
    if (origin === "replica") return;
    const { peers } = this;
    for (const { address, isNode } of peers.ownZone()) {
      if (!isNode) continue;
      const outbox = this.ofNode(address);
      if (outbox !== undefined) yield outbox;
    }
    if (origin === "client") for (const zone of peers.otherZones().keys()) yield this.ofZone(zone);
  }

  *all(): Generator<Outbox> {
    yield* this.nodes.values();
    yield* this.zones.values();
  }

  ofNode(address: string): Outbox | undefined {
    if (this.peers.get(address) === undefined) return undefined;
    return this.nodes.getOrInsertComputed(address, () => new Outbox(this.host, false, () => address));
  }

  ofZone(zone: string): Outbox {
    const pick = (): string | undefined => this.pick(this.peers.otherZones().get(zone) ?? [])?.address;
    return this.zones.getOrInsertComputed(zone, () => new Outbox(this.host, true, pick));
  }

  /** Returns a random peer, of those that are up if any is. */
  pick(peers: readonly Peer[]): Peer | undefined {
    const up = peers.filter(({ isUp }) => isUp);
    const among = up.length > 0 ? up : peers;
    return among[this.host.parts.random.uint32() % Math.max(1, among.length)];
  }

  /** Sends at once what is queued for a node that can be reached again. */
  wake(address: string): void {
    this.nodes.get(address)?.wake();
    const zone = this.peers.get(address)?.zone;
    if (zone !== undefined) this.zones.get(zone)?.wake();
  }

  /** Drops the outboxes of nodes and zones that no longer exist, or that moved to another zone. */
  tidy(): void {
    const { peers } = this;
    for (const [address, outbox] of this.nodes) {
      const peer = peers.get(address);
      if (peer !== undefined && (peer.zone === "" || peer.zone === this.ownZone)) continue;
      outbox.close();
      this.nodes.delete(address);
    }
    const zones = peers.otherZones();
    for (const [zone, outbox] of this.zones) {
      if (zones.has(zone)) continue;
      outbox.close();
      this.zones.delete(zone);
    }
  }

  close(): void {
    for (const outbox of this.all()) outbox.close();
    this.nodes.clear();
    this.zones.clear();
  }
}
