// One node of the registry: assembles table, replication, start-up, expiry and watchers. Its creator passes the clock,
// timers, randomness and the network between nodes, so that a simulation can run five nodes in one process, and an hour
// in a second.

import type { Clock } from "../../base/clock.ts";
import { leaseMs } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import { newIncarnation, type Random } from "../../base/random.ts";
import { TableRules } from "../table/table-rules.ts";
import type { NamedDirectory } from "../directory.ts";
import type { App } from "../table/apps.ts";
import type { Entry } from "../table/entry.ts";
import { Expiry } from "../table/expiry.ts";
import { ForeignEnvs, ownMetadata } from "../replication/foreign-envs.ts";
import { HybridClock } from "../table/hybrid-clock.ts";
import { appKey, discoveryAppid, type Identity, type Instance, instanceKey, Status } from "../instance.ts";
import type { NameKind } from "../name-index.ts";
import type { PeerNetwork } from "../replication/peer-messages.ts";
import { Code } from "../codes.ts";
import { type Register, Registrar } from "./registrar.ts";
import { Replication } from "../replication/replication.ts";
import { StartUp } from "../replication/start-up.ts";
import { Table } from "../table/table.ts";
import { type Cancel, every, type Timers } from "../../base/timers.ts";
import { Watchers } from "./watchers.ts";

/** The interval of checks of leases. */
const tickMs = 1_000;
/** The interval of checks of tombstones. */
const forgetMs = 60_000;
/** The interval of a node's renewals of itself. */
const renewMs = 30_000;
/** After this time, a node that has received nothing from others trusts its own table. */
const ownKnowledgeMs = 45_000;
interface RegistryNodeSettings {
  readonly env: string;
  readonly zone: string;
  readonly region: string;
  /** `host:port` at which clients and other nodes reach it. */
  readonly address: string;
  /** Initial addresses of other nodes; may include its own. */
  readonly seeds: readonly string[];
  readonly version: string;
  /** Writers and other nodes must present a key. */
  readonly hasKey: boolean;
  /** What its address speaks. Default: HTTP. */
  readonly schemes?: readonly ("http" | "https")[];
}

export class RegistryNode implements NamedDirectory {
  readonly settings: RegistryNodeSettings;
  readonly rules: TableRules;
  readonly table: Table;
  readonly replication: Replication;
  readonly registrar: Registrar;
  readonly watchers: Watchers;
  /** Called for an instance whose health this node is to check. */
  onProbed: ((entry: Entry) => void) | undefined;
  private readonly parts: {
    settings: RegistryNodeSettings;
    clock: Clock;
    timers: Timers;
    random: Random;
    network: PeerNetwork;
    limits: Limits;
    log: Log;
  };
  private readonly versions: HybridClock;
  private readonly expiry: Expiry;
  private readonly startUp: StartUp;
  private readonly foreignEnvs: ForeignEnvs;
  private readonly beganMs: number;
  private readonly beganAt: bigint;
  /** Set-backs of the clock that the table has handled. */
  private setBacks = 0;
  private isStale = false;
  private isLeaving = false;
  private forgotMs: number;
  private cancelTick: Cancel | undefined;
  private cancelRenewal: Cancel | undefined;

  constructor(parts: RegistryNode["parts"]) {
    this.parts = parts;
    const { settings, clock, timers, random, network, limits, log } = parts;
    this.settings = settings;
    this.versions = new HybridClock(clock, limits.values.timestampAhead, () => network.aheadNs?.() ?? 0n);
    this.beganMs = clock.monotonicMs();
    this.beganAt = this.versions.next();
    this.forgotMs = this.beganMs;
    this.watchers = new Watchers(clock, timers);
    const { versions } = this;
    const rules = new TableRules(limits, settings.hasKey);
    this.rules = rules;
    this.table = new Table({ rules, clock, versions, onChange: (app) => this.changed(app) });
    this.table.ownKey = instanceKey(this.identity);
    this.expiry = new Expiry({ table: this.table, limits, log });
    this.replication = new Replication({
      clock,
      timers,
      random,
      network,
      log,
      limits,
      versions,
      table: this.table,
      self: { zone: settings.zone, address: settings.address, incarnation: newIncarnation(random) },
      seeds: settings.seeds,
      isStarting: () => this.startUp.isProtected,
    });
    this.registrar = new Registrar({
      table: this.table,
      rules,
      versions,
      replication: this.replication,
      nowMs: () => clock.monotonicMs(),
      onProbed: (entry) => this.onProbed?.(entry),
    });
    this.foreignEnvs = new ForeignEnvs(settings.env, log);
    this.startUp = new StartUp({
      clock,
      timers,
      log,
      addresses: () => this.replication.peers.all().map(({ address }) => address),
      restore: (address, part, done) => this.replication.compareWith(address, true, part, done),
      ended: () => this.readable(),
    });
    const { table, replication } = this;
    limits.measure("instances", () => Math.min(table.live, limits.values.instances));
    limits.measure("instancesReserved", () => Math.max(0, table.live - limits.values.instances));
    limits.measure("instancesBytes", () => table.bytes);
    limits.measure("instancesPerAddress", () => table.callers.most);
    limits.measure("tombstones", () => table.tombstones);
    limits.measure("registryNodes", () => replication.peers.size);
  }

  /**
   * Registers itself, synchronises with other nodes and starts the timers. `isStale` tells that a snapshot was read.
   */
  start(isStale = false): void {
    this.isStale = isStale;
    this.startUp.begin();
    this.registerSelf();
    this.cancelRenewal = every(this.parts.timers, renewMs, () => this.renewSelf());
    this.replication.start();
    this.cancelTick = every(this.parts.timers, tickMs, () => this.tick());
  }

  /** Cancels its own entry; within this turn it sends that to all reachable nodes. */
  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    this.cancelRenewal?.();
    this.registrar.cancel(this.identity, 0n, "client");
  }

  /** Stops all timers. */
  stop(): void {
    this.startUp.close();
    this.cancelTick?.();
    this.cancelRenewal?.();
    this.replication.stop();
  }

  /** False while this node answers reads with -500. */
  get isReadable(): boolean {
    return !this.startUp.isProtected || this.isStale;
  }

  /** True while reads come from an unconfirmed snapshot. */
  get isServingStale(): boolean {
    return this.isStale;
  }

  /** True while nothing is evicted, because too many instances fell silent at once. */
  get isProtected(): boolean {
    return this.expiry.isProtecting;
  }

  /** Counts expired leases. */
  get evictions(): number {
    return this.expiry.evictions;
  }

  /** True once this node may claim that a service which it does not list has no instances. */
  get knowsAbsence(): boolean {
    return this.startUp.isSynced || this.parts.clock.monotonicMs() - this.beganMs > ownKnowledgeMs;
  }

  /** The version of a service without instances, live or remembered: the start of this node. */
  get versionOfNothing(): bigint {
    return this.beganAt;
  }

  get version(): number {
    return this.table.version;
  }

  /** Returns the nodes of this node's zone, itself first. */
  nodes(): { address: string; isUp: boolean; zone: string }[] {
    const { address, zone } = this.settings;
    const others = this.replication.peers.ownZone().filter((peer) => peer.zone !== "" || peer.isStatic);
    return [
      { address, isUp: true, zone },
      ...others.map((peer) => ({ address: peer.address, isUp: peer.isUp, zone: peer.zone || zone })),
    ];
  }

  instances(env: string, appid: string, mask: number): Instance[] {
    const found: Instance[] = [];
    for (const { instance } of this.table.app(env, appid)?.entries() ?? []) {
      if (instance !== undefined && (instance.status & mask) !== 0) found.push(instance);
    }
    return found;
  }

  instancesNamed(env: string, hostname: string, countMax: number): Instance[] {
    const found: Instance[] = [];
    // The registry's nodes are in every env.
    for (const place of env === "" ? [""] : [env, ""]) {
      for (const { instance } of this.table.names.named(place, hostname)) {
        if (found.length >= countMax) return found;
        if (instance !== undefined) found.push(instance);
      }
    }
    return found;
  }

  revisionOf(env: string, appid: string): number {
    return this.table.app(env, appid)?.revision ?? 0;
  }

  knows(env: string, appid: string): boolean {
    const app = this.table.app(env, appid);
    return app !== undefined && app.emptySinceMs === undefined;
  }

  serviceNamed(env: string, name: string): string | undefined {
    for (const names of this.table.names.in(env)) {
      for (const appid of names.of("service").spellings(name)) return appid;
    }
    return undefined;
  }

  isBranch(env: string, kind: NameKind, name: string): boolean {
    return this.table.names.in(env).some((names) => names.of(kind).isBranch(name));
  }

  watch(env: string, appid: string, onChange: () => void): () => void {
    return this.watchers.watch([appKey(env, appid)], () => {
      onChange();
      return 0;
    });
  }

  /** Checks all leases once; called by a timer. */
  tick(): void {
    const nowMs = this.parts.clock.monotonicMs();
    this.expiry.tick(nowMs);
    this.versions.next();
    if (this.versions.setBacks !== this.setBacks) {
      this.setBacks = this.versions.setBacks;
      const restamped = this.table.restamp();
      for (const entry of restamped) this.replication.changed(entry, "client");
      this.parts.log.warn("this machine's clock was set far back; registrations continue", {
        instances: restamped.length,
      });
    }
    if (this.isStale && nowMs - this.beganMs > leaseMs) this.isStale = false;
    if (nowMs - this.forgotMs < forgetMs) return;
    this.forgotMs = nowMs;
    this.table.forget(nowMs);
    this.replication.forget(nowMs);
  }

  private get identity(): Identity {
    const { env, zone, address } = this.settings;
    return { env, appid: discoveryAppid, zone, hostname: address };
  }

  private registerSelf(): void {
    const { region, address, version, schemes = ["http"] } = this.settings;
    const request: Register = {
      ...this.identity,
      region,
      addrs: schemes.map((scheme) => `${scheme}://${address}`),
      version,
      metadata: ownMetadata,
      status: Status.Up,
      dirtyTimestamp: 0n,
      regTimestamp: 0n,
    };
    this.registrar.register(request, { address: "", origin: "client", isTrusted: false });
  }

  private renewSelf(): void {
    if (this.registrar.renew(this.identity, 0n, "client").code === Code.NotFound) this.registerSelf();
  }

  private readable(): void {
    if (!this.startUp.isSynced) return;
    this.table.dropStale();
    this.isStale = false;
  }

  private changed(app: App): void {
    if (app.key === appKey("", discoveryAppid)) this.nodesChanged(app);
    this.watchers.notify(app.key);
  }

  private nodesChanged(app: App): void {
    this.replication.nodesChanged(app.entries());
    this.foreignEnvs.look(app.entries());
    if (this.isLeaving) return;
    // Another node cancelled this one, or a cancellation from its last run returned: this node knows better.
    if (this.table.get(this.identity)?.instance !== undefined) return;
    this.parts.timers.soon(() => {
      if (!this.isLeaving && this.table.get(this.identity)?.instance === undefined) this.registerSelf();
    });
  }
}
