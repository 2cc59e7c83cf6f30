// Replication: every client write goes to all nodes of this zone, and to one node of each other zone, which forwards it
// there. Only such original requests are forwarded. Replication happens after the caller's answer; every few seconds, a
// comparison of digests with another node repairs what it misses.

import type { Clock } from "../../base/clock.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { comparisonOf, isWorthSending, statesMax } from "./comparison.ts";
import type { Entry, EntryState } from "../table/entry.ts";
import { type HybridClock, versionAfter } from "../table/hybrid-clock.ts";
import { instanceKey } from "../instance.ts";
import type { OutboxHost } from "./outbox.ts";
import { type Origin, Outboxes } from "./outboxes.ts";
import type { Compare, Compared, NodeInfo, PeerFailure, PeerNetwork, Replicate, Replicated } from "./peer-messages.ts";
import { Peers } from "./peers.ts";
import type { Merge, Table } from "../table/table.ts";
import type { Cancel, Timers } from "../../base/timers.ts";

/** The average interval of comparisons. */
const compareMs = 5_000;
/** For this long after its registration here, an instance may still be under way to other nodes. */
const untoldMs = 5_000;

/** Warnings that are remembered, so that none is repeated. */
const warningsMax = 10_000;

/** This node, as others see it. */
interface Self {
  readonly zone: string;
  /** `host:port` at which others reach it. */
  readonly address: string;
  readonly incarnation: string;
}

interface ReplicationParts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly network: PeerNetwork;
  readonly log: Log;
  readonly table: Table;
  readonly versions: HybridClock;
  readonly self: Self;
  /** Initial addresses of other nodes. */
  readonly seeds: readonly string[];
  readonly limits: Limits;
  readonly isStarting: () => boolean;
}

export class Replication implements OutboxHost {
  readonly peers: Peers;
  /** Exchanges that failed. */
  failures = 0;
  repaired = 0;
  readonly parts: ReplicationParts;
  private readonly outboxes: Outboxes;
  /** The registry's own nodes in the table: address by key. */
  private readonly listed = new Map<string, string>();
  /** Nodes that sent a message while considered down, and are being asked back. */
  private readonly asking = new Set<string>();
  private cancelRound: Cancel | undefined;
  private readonly warned = new Set<string>();

  constructor(parts: ReplicationParts) {
    this.parts = parts;
    this.peers = new Peers(parts.self, parts.seeds, parts.limits);
    this.outboxes = new Outboxes(this, this.peers, parts.self.zone);
  }

  /** Starts comparing digests. */
  start(): void {
    this.planRound();
  }

  stop(): void {
    this.cancelRound?.();
    this.outboxes.close();
  }

  info(): NodeInfo {
    return { ...this.parts.self, clock: this.parts.versions.reading(), isStarting: this.parts.isStarting() };
  }

  /** An entry has a new state. */
  changed(entry: Entry, origin: Origin): void {
    for (const outbox of this.outboxes.audience(origin)) outbox.pushState(entry);
  }

  /** An entry was renewed. */
  renewed(entry: Entry, origin: Origin): void {
    for (const outbox of this.outboxes.audience(origin)) outbox.pushRenewal(entry);
  }

  /** Reports whether an instance that a client registered here is still under way to a node that answers. */
  isUntold(entry: Entry): boolean {
    if (entry.registeredAtMs < this.parts.clock.monotonicMs() - untoldMs) return false;
    for (const outbox of this.outboxes.all()) if (outbox.isSendingTo(entry)) return true;
    return false;
  }

  /** Sends a live instance to all nodes again, with a version above that of an original node's cancellation. */
  reassert(entry: Entry): void {
    if (entry.instance === undefined) return;
    const above = versionAfter(versionAfter(entry.dirty));
    const now = this.parts.versions.next();
    const dirty = now > above ? now : above;
    const instance = { ...entry.instance, dirtyTimestamp: dirty, latestTimestamp: dirty };
    const state = { ...entry.state(this.parts.clock.monotonicMs()), dirty, instance };
    if (this.parts.table.merge(state) === "newer") this.changed(entry, "client");
  }

  /** Returns how far the clocks of original nodes lag behind this node's versions; see PeerNetwork. */
  lagNs(leadNs: bigint): bigint {
    return this.parts.network.lagNs?.(leadNs) ?? 0n;
  }

  /** The number of queued entries for all destinations. */
  get waiting(): number {
    let waiting = 0;
    for (const outbox of this.outboxes.all()) waiting += outbox.size;
    return waiting;
  }

  /** True if every node that answers has received everything. */
  get isSettled(): boolean {
    for (const outbox of this.outboxes.all()) if (!outbox.isSettled) return false;
    return true;
  }

  /** Merges another node's states and renewals. */
  onReplicate(message: Replicate): Replicated {
    this.askedBy(message.node);
    const origin: Origin = message.isSpread ? "other-zone" : "replica";
    const nowMs = this.parts.clock.monotonicMs();
    const newer: EntryState[] = [];
    const wanted: number[] = [];
    const answerWithOurs = (entry: Entry | undefined): void => {
      if (entry !== undefined && !entry.isStale && newer.length < statesMax) newer.push(entry.state(nowMs));
    };
    for (const state of message.states) {
      const merge = this.parts.table.merge(state);
      const entry = this.parts.table.get(state.identity);
      if (merge === "older") answerWithOurs(entry);
      if (entry === undefined) continue;
      if (merge === "newer") this.changed(entry, origin);
      else if (merge === "renewed") this.renewed(entry, origin);
    }
    for (const [index, { identity, dirty, ageMs }] of message.renewals.entries()) {
      const entry = this.parts.table.get(identity);
      if (entry === undefined || entry.dirty < dirty) wanted.push(index);
      if (entry === undefined) continue;
      if (entry.instance !== undefined) {
        this.parts.table.touch(entry, nowMs - ageMs);
        this.renewed(entry, origin);
      }
      if (entry.dirty > dirty) answerWithOurs(entry);
    }
    // Its address may be known only now.
    this.askBack(message.node.address);
    return { kind: "replicated", node: this.info(), wanted, newer };
  }

  /** Answers another node's comparison. */
  onCompare(message: Compare): Compared {
    this.askedBy(message.node);
    const now = { nowMs: this.parts.clock.monotonicMs(), random32: () => this.parts.random.uint32() };
    return { kind: "compared", node: this.info(), ...comparisonOf(this.parts.table, message, now) };
  }

  /**
   * Compares with a node, bucket by bucket, and merges its differences. `isRestoring` asks as an empty node. `part`
   * receives each answer, `done` the last one.
   */
  compareWith(
    address: string,
    isRestoring: boolean,
    part: (reply: Compared) => void,
    done: (reply: Compared | PeerFailure) => void,
  ): void {
    const ask = (fromBucket: number): void => {
      const digest = isRestoring ? "" : this.parts.table.digest.text();
      this.parts.network.compare(address, { kind: "compare", node: this.info(), digest, fromBucket }, (reply) => {
        this.answered(address, reply);
        if (reply.kind === "failed") {
          done(reply);
          return;
        }
        part(reply);
        this.mergeAnswer(address, reply, isRestoring);
        if (reply.nextBucket === undefined || reply.nextBucket <= fromBucket) done(reply);
        else ask(reply.nextBucket);
      });
    };
    ask(0);
  }

  /** Handles a change of the registry's own nodes. */
  nodesChanged(entries: Iterable<Entry>): void {
    const nowMs = this.parts.clock.monotonicMs();
    const gone = new Map(this.listed);
    for (const entry of entries) {
      const address = entry.instance === undefined ? undefined : nodeAddress(entry.instance.addrs);
      if (address === undefined) continue;
      gone.delete(entry.key);
      this.listed.set(entry.key, address);
      this.peers.listed(address, entry.identity.zone, nowMs);
    }
    for (const [key, address] of gone) {
      this.listed.delete(key);
      // A node whose lease expired may return; one that cancelled itself will not.
      if (this.parts.table.hasCancelled(key)) this.peers.left(address);
    }
    this.outboxes.tidy();
  }

  /** Forgets nodes that have been silent for long. */
  forget(nowMs: number): void {
    this.peers.forget(nowMs);
    this.outboxes.tidy();
  }

  answered(address: string, reply: Replicated | Compared | PeerFailure): void {
    if (reply.kind !== "failed") {
      const wasUp = this.peers.get(address)?.isUp;
      this.observe(reply.node);
      this.peers.heard(address, reply.node, this.parts.clock.monotonicMs());
      this.warned.delete(address);
      this.outboxes.tidy();
      if (wasUp === false) {
        this.parts.log.info("another registry node answers", { address, zone: reply.node.zone });
        this.outboxes.wake(address);
      }
      return;
    }
    this.failures++;
    this.peers.lost(address, this.parts.clock.monotonicMs());
    if (this.warned.has(address)) return;
    // Once per failure: a node that is away for a day is one line, not thousands.
    this.remember(address);
    this.parts.log.warn("a registry node failed to answer; retrying", { address, reason: reply.sentence });
  }

  learn(states: readonly EntryState[]): void {
    for (const state of states) this.parts.table.merge(state);
  }

  private mergeAnswer(address: string, reply: Compared, isRestoring: boolean): void {
    // An original node does not send its zone; the registry's list may have it.
    const zone = reply.node.zone || (this.peers.get(address)?.zone ?? "");
    const isElsewhere = zone !== "" && zone !== this.parts.self.zone;
    const theirs = new Map<string, Merge>();
    for (const state of reply.states) {
      const merge = this.parts.table.merge(state, isRestoring);
      theirs.set(instanceKey(state.identity), merge);
      if (merge !== "newer" && merge !== "renewed") continue;
      if (!isRestoring && merge === "newer") this.repaired++;
      const entry = this.parts.table.get(state.identity);
      if (isElsewhere && !isRestoring && entry !== undefined) this.changed(entry, "other-zone");
    }
    if (isRestoring) return;
    const outbox = isElsewhere ? this.outboxes.ofZone(zone) : this.outboxes.ofNode(address);
    const differing = new Set(reply.differing);
    const nowMs = this.parts.clock.monotonicMs();
    for (const entry of this.parts.table.all()) {
      if (!differing.has(entry.bucket) || entry.isStale || !isWorthSending(entry, nowMs)) continue;
      const merge = theirs.get(entry.key);
      if (merge === undefined || merge === "older") outbox?.pushState(entry);
    }
  }

  private askedBy(node: NodeInfo): void {
    this.observe(node);
    const { address } = node;
    const peer = this.peers.get(address);
    if (peer === undefined) return;
    // It can reach this node, so this node can probably reach it.
    this.outboxes.wake(address);
    this.askBack(address);
  }

  /** Compares with a node that sent a message while considered down; at intervals if it is not known to be a node. */
  private askBack(address: string): void {
    if (!this.peers.isWorthAsking(address, this.parts.clock.monotonicMs()) || this.asking.has(address)) return;
    this.asking.add(address);
    const ignore = (): void => undefined;
    this.compareWith(address, false, ignore, () => void this.asking.delete(address));
  }

  private observe(node: NodeInfo): void {
    if (this.parts.versions.observe(node.clock) || this.warned.has(`${node.address} clock`)) return;
    this.remember(`${node.address} clock`);
    this.parts.log.warn("a registry node's clock is too far ahead: its writes are refused; set the clocks", {
      address: node.address,
      aheadMsMax: this.parts.versions.aheadMsMax,
    });
  }

  /** Other nodes choose their addresses: beyond the bound all warnings are forgotten, and given again. */
  private remember(warning: string): void {
    if (this.warned.size >= warningsMax) this.warned.clear();
    this.warned.add(warning);
  }

  private planRound(): void {
    const delayMs = compareMs * (0.75 + this.parts.random.uint32() / 2 ** 32 / 2);
    this.cancelRound = this.parts.timers.after(delayMs, () => {
      this.round();
      this.planRound();
    });
  }

  /** Compares with a random node of this zone and of another one, and with nodes that are down. */
  private round(): void {
    const own = this.peers.ownZone().filter(({ isNode }) => isNode);
    const elsewhere = [...this.peers.otherZones().values()].flat();
    const down = this.peers.down(this.parts.clock.monotonicMs());
    const chosen = new Set([this.outboxes.pick(own), this.outboxes.pick(elsewhere), ...down]);
    const ignore = (): void => undefined;
    for (const peer of chosen) if (peer !== undefined) this.compareWith(peer.address, false, ignore, ignore);
  }
}

/** Returns `host:port` of a registry node's HTTP or HTTPS address, or undefined if it has none. */
export function nodeAddress(addrs: readonly string[]): string | undefined {
  const url = addrs.find((each) => /^https?:\/\//.test(each));
  const address = url?.replace(/^https?:\/\//, "").replace(/\/.*$/s, "");
  return address === undefined || !/^(?:\[[0-9a-fA-F:.]+\]|[^:[\]\s/@?#]+):\d{1,5}$/.test(address)
    ? undefined
    : address;
}
