// The table: every identity that this node knows, living or cancelled. Merging a state is idempotent, and the order in
// which states arrive does not matter; everything else about replication rests on that. No timer and no IO: whoever owns
// the table tells it when time has passed.

import type { Clock } from "../base/clock.ts";
import { emptyServicesMax, leaseMs, tombstoneMs } from "../base/limits/fixed.ts";
import type { TableRules } from "./table-rules.ts";
import { Digest } from "./digest.ts";
import { compareVersions, Entry, type EntryState, hashOf } from "./entry.ts";
import { type HybridClock, versionAfter } from "./hybrid-clock.ts";
import { appKey, discoveryAppid, type Identity, instanceKey } from "./instance.ts";
import { asciiLower, EnvNames } from "./name-index.ts";
import { type Bounded, type Fault, weightOfInstance } from "./names.ts";

/** A state whose lease is about to end is not taken for new: the node that sent it is about to forget it, too. */
const leaseMarginMs = 5_000;
/** A renewal counts as a sign of life from this age of the instance on: half of what clients let pass between two. */
export const renewedAfterMs = 15_000;

/** What became of a state that was merged. */
export type Merge =
  /** It was not known, and is now. */
  | "newer"
  /** It was known; its lease was extended. */
  | "renewed"
  /** It was known. */
  | "same"
  /** A newer one is known. */
  | "older"
  /** Not taken: too far in the future, at the end of its time, or there is no room. */
  | "refused";

/** The living instances of one service in one env, by zone and hostname. */
export class App {
  readonly key: string;
  /** The version that watchers know: grows with every change that a reader can see. Local to this node. */
  latest = 0n;
  /** The table's version at the last change of this service. */
  revision = 0;
  readonly zones = new Map<string, Map<string, Entry>>();
  /** When it lost its last instance, by the monotonic clock; undefined while it has one. */
  emptySinceMs: number | undefined;

  constructor(key: string) {
    this.key = key;
  }

  *entries(): Generator<Entry> {
    for (const zone of this.zones.values()) yield* zone.values();
  }
}

export class Table {
  readonly digest = new Digest();
  /** Grows with every change that a reader can see. */
  version = 0;
  /** Grows with every renewal. */
  renewals = 0;
  /** Living instances, and cancelled ones that are remembered. */
  live = 0;
  tombstones = 0;
  /** Those of the living that are nodes of the registry. */
  nodes = 0;
  /** What the living weigh, in bytes, about. */
  bytes = 0;
  /** Services that have living instances. */
  serviceCount = 0;
  /** This node's own entry, for which there is always room; '' in a table of no node. */
  ownKey = "";
  private readonly entries = new Map<string, Entry>();
  private readonly apps = new Map<string, App>();
  /** By env and hostname in lower case: mostly one entry, and then without a set of its own. */
  private readonly byHostname = new Map<string, Map<string, Entry | Set<Entry>>>();
  private readonly callers = new Map<string, number>();
  /** Services of instances that were marked and have renewed. */
  private readonly revived = new Set<App>();
  /** By env; '' for the registry's own nodes, which are in every env. */
  private readonly envs = new Map<string, EnvNames>();
  private readonly rules: TableRules;
  private readonly clock: Clock;
  private readonly versions: HybridClock;
  private readonly onChange: (app: App) => void;

  /** `onChange` hears of every change that a reader can see. */
  constructor(parts: { rules: TableRules; clock: Clock; versions: HybridClock; onChange: (app: App) => void }) {
    this.rules = parts.rules;
    this.clock = parts.clock;
    this.versions = parts.versions;
    this.onChange = parts.onChange;
  }

  /** An identity, living or cancelled. */
  get(identity: Identity): Entry | undefined {
    return this.entries.get(instanceKey(identity));
  }

  /** True for the key of an identity that was cancelled, and is remembered as such. */
  hasCancelled(key: string): boolean {
    const entry = this.entries.get(key);
    return entry !== undefined && entry.instance === undefined;
  }

  /** All identities, living or cancelled. The table may change while they are read. */
  all(): IterableIterator<Entry> {
    return this.entries.values();
  }

  /** A service with its living instances; it may have lost the last one a while ago. */
  app(env: string, appid: string): App | undefined {
    return this.apps.get(appKey(env, appid));
  }

  /** Services that have living instances. */
  *services(): Generator<App> {
    for (const app of this.apps.values()) if (app.emptySinceMs === undefined) yield app;
  }

  /**
   * Living instances of an env ('': nodes of the registry) with a hostname, compared without regard to the case of ASCII
   * letters.
   */
  named(env: string, hostname: string): Iterable<Entry> {
    const named = this.byHostname.get(env)?.get(asciiLower(hostname)) ?? [];
    return named instanceof Entry ? [named] : named;
  }

  /** The names of what lives in an env: its own, and those of the registry's nodes. */
  names(env: string): EnvNames[] {
    return [this.envs.get(env), this.envs.get("")].filter((names) => names !== undefined);
  }

  /** Living instances that an address has registered here. */
  countOf(caller: string): number {
    return this.callers.get(caller) ?? 0;
  }

  /** The most that any address has registered here. */
  get countOfBusiestCaller(): number {
    let most = 0;
    for (const count of this.callers.values()) most = Math.max(most, count);
    return most;
  }

  /** Why an instance is not taken, whoever brings it; undefined: it may be. */
  refusalOf(instance: Bounded): Fault | undefined {
    return this.refusal(instance, this.get(instance));
  }

  /**
   * Takes in a state, from a client's write or from another node. `isRestoring` also takes what is at the end of its
   * lease, for a node that has only now begun to listen.
   */
  merge(state: EntryState, isRestoring = false): Merge {
    const nowMs = this.clock.monotonicMs();
    const touchedAtMs = nowMs - Math.max(0, state.ageMs);
    if (this.versions.isFromFuture(state.dirty)) return "refused";
    const known = this.entries.get(instanceKey(state.identity));
    if (known === undefined) return this.add(state, touchedAtMs, isRestoring) === undefined ? "refused" : "newer";
    if (state.hasRenewed && state.instance !== undefined && known.instance !== undefined) known.hasRenewed = true;
    const order = compareVersions(
      { dirty: state.dirty, instance: state.instance, hash: hashOf(known.key, state.dirty, state.instance) },
      known,
    );
    // A version from the future was made while a clock was wrong: it must not win until that moment is reached.
    if (order > 0 || this.versions.isFromFuture(known.dirty)) {
      if (state.instance !== undefined) {
        if (known.instance === undefined && !this.isTimely(state, isRestoring)) return "refused";
        if (this.refusal(state.instance, known) !== undefined) return "refused";
      }
      this.replace(known, state, touchedAtMs);
      return "newer";
    }
    // A snapshot's lease began with this process; whoever has heard of the instance knows when it really did.
    if (known.isStale && state.instance !== undefined) known.touchedAtMs = -Infinity;
    // The later renewal counts, and it says that somebody has heard of the instance.
    const isRenewed = known.instance !== undefined && state.instance !== undefined && touchedAtMs > known.touchedAtMs;
    if (isRenewed) this.touch(known, touchedAtMs);
    if (order < 0) return "older";
    this.confirm(known);
    return isRenewed ? "renewed" : "same";
  }

  /** Extends a living instance's lease, counted from `touchedAtMs` on the monotonic clock; never shortens it. */
  touch(entry: Entry, touchedAtMs: number): void {
    this.confirm(entry);
    if (touchedAtMs <= entry.touchedAtMs) return;
    if (entry.isLapsed && this.clock.monotonicMs() - touchedAtMs <= leaseMs) {
      entry.isLapsed = false;
      this.revived.add(this.appOf(entry));
    }
    entry.touchedAtMs = touchedAtMs;
    this.renewals++;
    if (touchedAtMs - entry.bornAtMs >= renewedAfterMs) entry.hasRenewed = true;
    const agoNs = BigInt(Math.round((this.clock.monotonicMs() - touchedAtMs) * 1e6));
    entry.renewTimestamp = this.clock.wallNs() - agoNs;
  }

  /** Remembers which address registered an instance here; '' for none. */
  attribute(entry: Entry, caller: string): void {
    if (entry.caller === caller) return;
    this.countCaller(entry.caller, -1);
    entry.caller = caller;
    this.countCaller(caller, 1);
  }

  /**
   * Puts in what a snapshot says: to be shown, but told to nobody until somebody confirms it. A version from the future,
   * because a clock was wrong when it was written or is wrong now, counts as in `restamp`.
   */
  restore(state: EntryState): void {
    if (this.entries.has(instanceKey(state.identity))) return;
    const restored = this.versions.isFromFuture(state.dirty) ? this.restamped(state) : state;
    if (restored === undefined) return;
    // A lease starts anew: whoever lives has one lease's time to say so.
    const age = restored.instance === undefined ? restored.ageMs : 0;
    const entry = this.add({ ...restored, ageMs: age }, this.clock.monotonicMs() - age, true);
    if (entry === undefined || entry.instance === undefined) return;
    this.toggle(entry);
    entry.isStale = true;
  }

  /** Drops what a snapshot said and nobody has confirmed: other nodes, which know better, have been heard. */
  dropStale(): void {
    for (const entry of this.entries.values()) if (entry.isStale) this.drop(entry);
  }

  /**
   * Living instances whose lease has run out, and what self-protection is judged by: those that have renewed and are no
   * nodes of the registry, which renew by another way.
   */
  leases(nowMs: number): { overdue: Entry[]; judged: number; judgedOverdue: number } {
    const overdue: Entry[] = [];
    let judged = 0;
    let judgedOverdue = 0;
    for (const entry of this.entries.values()) {
      if (entry.instance === undefined) continue;
      const isOverdue = nowMs - entry.touchedAtMs > leaseMs;
      if (isOverdue) overdue.push(entry);
      if (!entry.hasRenewed || isDiscovery(entry)) continue;
      judged++;
      if (isOverdue) judgedOverdue++;
    }
    return { overdue, judged, judgedOverdue };
  }

  /**
   * Marks instances that are listed although their lease has run out, of so many services that not more than `servicesMax` are
   * changed; a renewal takes the mark away.
   */
  markLapsed(entries: Iterable<Entry>, servicesMax: number): void {
    const apps = new Set<App>();
    for (const entry of entries) {
      if (entry.isLapsed || entry.instance === undefined) continue;
      const app = this.appOf(entry);
      if (apps.size >= servicesMax && !apps.has(app)) continue;
      entry.isLapsed = true;
      apps.add(app);
    }
    for (const app of apps) this.changed(app);
  }

  /** Tells who watches of marks that renewals have taken away since the last call: many come at a time. */
  tellRevived(): void {
    for (const app of this.revived) this.changed(app);
    this.revived.clear();
  }

  /** Forgets an instance whose time is over. Other nodes find out for themselves. */
  evict(entry: Entry): void {
    if (entry.isHeld) this.drop(entry);
  }

  /** Forgets tombstones, and services without instances, that were remembered long enough. */
  forget(nowMs: number): void {
    for (const entry of this.entries.values()) {
      if (entry.instance === undefined && nowMs - entry.touchedAtMs > tombstoneMs) this.drop(entry);
    }
    this.forgetSurplus();
    this.forgetEmpty(nowMs);
  }

  /**
   * Gives what a wrong clock wrote with versions from the future versions of now, so that other nodes take it, and forgets
   * cancellations of such versions. Returns the living entries that it changed; others are to be told of them.
   */
  restamp(): Entry[] {
    const restamped: Entry[] = [];
    for (const entry of this.entries.values()) {
      if (!this.versions.isFromFuture(entry.dirty)) continue;
      const state = this.restamped(entry.state(this.clock.monotonicMs()));
      if (state === undefined) {
        this.drop(entry);
        continue;
      }
      this.replace(entry, state, entry.touchedAtMs);
      restamped.push(entry);
    }
    return restamped;
  }

  /** A living instance's state with a version of now; undefined for a cancelled one's. */
  private restamped(state: EntryState): EntryState | undefined {
    if (state.instance === undefined) return undefined;
    const dirty = this.versions.next();
    return { ...state, dirty, instance: { ...state.instance, dirtyTimestamp: dirty, latestTimestamp: dirty } };
  }

  private forgetSurplus(): void {
    let surplus = this.tombstones - this.rules.limits.values.tombstones;
    // A map keeps the order of insertion: the first ones are the oldest identities, near enough the oldest tombstones.
    for (const entry of this.entries.values()) {
      if (surplus <= 0) break;
      if (entry.instance !== undefined) continue;
      this.drop(entry);
      surplus--;
    }
  }

  /** One more tombstone. */
  private buried(): void {
    this.tombstones++;
    // Now and then, because it looks at many entries.
    const { tombstones } = this.rules.limits.values;
    if (this.tombstones <= tombstones * 1.1) return;
    this.rules.limits.met("tombstones");
    this.forgetSurplus();
  }

  /** Forgets services that lost their last instance long ago, and the first ones of too many. */
  private forgetEmpty(nowMs: number): void {
    let surplus = this.apps.size - this.serviceCount - emptyServicesMax;
    for (const app of this.apps.values()) {
      if (app.emptySinceMs === undefined) continue;
      if (surplus-- > 0 || nowMs - app.emptySinceMs > tombstoneMs) this.apps.delete(app.key);
    }
  }

  private refusal(instance: Bounded, known: Entry | undefined): Fault | undefined {
    const fault = this.rules.faultOf(instance);
    if (fault !== undefined || instanceKey(instance) === this.ownKey) return fault;
    const growth = weightOfInstance(instance) - (known?.weight ?? 0);
    return this.rules.fullnessFor(instance.appid, this, known?.instance === undefined, growth);
  }

  private isTimely({ instance, ageMs }: EntryState, isRestoring: boolean): boolean {
    if (instance === undefined) return ageMs < tombstoneMs;
    return ageMs < (isRestoring ? this.rules.limits.values.protectedLease : leaseMs - leaseMarginMs);
  }

  private add(state: EntryState, touchedAtMs: number, isRestoring: boolean): Entry | undefined {
    if (!this.isTimely(state, isRestoring)) return undefined;
    if (state.instance !== undefined && this.refusal(state.instance, undefined) !== undefined) return undefined;
    const entry = new Entry(state, touchedAtMs);
    entry.isProbed &&= this.rules.takesProbes;
    this.weigh(entry);
    this.entries.set(entry.key, entry);
    this.toggle(entry);
    if (entry.instance === undefined) this.buried();
    else {
      this.touchAnew(entry, touchedAtMs);
      this.list(entry);
    }
    return entry;
  }

  private replace(entry: Entry, state: EntryState, touchedAtMs: number): void {
    const wasLive = entry.instance !== undefined;
    const wasStale = entry.isStale;
    if (wasLive && state.instance === undefined) entry.buriedDirty = entry.dirty;
    if (!wasStale) this.toggle(entry);
    entry.isStale = false;
    entry.instance = state.instance;
    entry.dirty = state.dirty;
    entry.hash = hashOf(entry.key, state.dirty, state.instance);
    entry.isProbed = state.isProbed && this.rules.takesProbes;
    entry.json = undefined;
    this.weigh(entry);
    this.toggle(entry);
    if (entry.instance === undefined) {
      entry.touchedAtMs = touchedAtMs;
      if (!wasLive) return;
      this.unlist(entry);
      this.buried();
      return;
    }
    if (!wasLive) {
      entry.hasRenewed = state.hasRenewed;
      entry.bornAtMs = touchedAtMs;
    }
    if (!wasLive || wasStale || touchedAtMs > entry.touchedAtMs) this.touchAnew(entry, touchedAtMs);
    if (wasLive) {
      this.changed(this.appOf(entry));
      return;
    }
    this.tombstones--;
    this.list(entry);
  }

  private weigh(entry: Entry): void {
    const weight = entry.instance === undefined ? 0 : weightOfInstance(entry.instance);
    this.bytes += weight - entry.weight;
    entry.weight = weight;
  }

  private touchAnew(entry: Entry, touchedAtMs: number): void {
    entry.touchedAtMs = -Infinity;
    this.touch(entry, touchedAtMs);
  }

  /** Somebody has heard of it: from now on it is told to other nodes. */
  private confirm(entry: Entry): void {
    if (!entry.isStale) return;
    entry.isStale = false;
    this.toggle(entry);
  }

  private drop(entry: Entry): void {
    this.entries.delete(entry.key);
    entry.isHeld = false;
    this.bytes -= entry.weight;
    if (!entry.isStale) this.toggle(entry);
    if (entry.instance === undefined) this.tombstones--;
    else this.unlist(entry);
  }

  /** Makes a living instance visible. */
  private list(entry: Entry): void {
    const { zone, hostname } = entry.identity;
    const app = this.appOf(entry);
    let instances = app.zones.get(zone);
    if (instances === undefined) app.zones.set(zone, (instances = new Map()));
    instances.set(hostname, entry);
    if (app.emptySinceMs !== undefined) this.serviceCount++;
    app.emptySinceMs = undefined;
    const env = envOf(entry);
    const names = this.envs.get(env) ?? new EnvNames();
    this.envs.set(env, names);
    names.add(entry.identity);
    this.addNamesake(env, entry);
    this.live++;
    if (isDiscovery(entry)) this.nodes++;
    this.changed(app);
  }

  /** Takes an instance that lived out of sight. */
  private unlist(entry: Entry): void {
    const { zone, hostname } = entry.identity;
    const app = this.appOf(entry);
    const instances = app.zones.get(zone);
    instances?.delete(hostname);
    if (instances?.size === 0) app.zones.delete(zone);
    if (app.zones.size === 0) {
      app.emptySinceMs = this.clock.monotonicMs();
      this.serviceCount--;
    }
    const env = envOf(entry);
    const names = this.envs.get(env);
    names?.remove(entry.identity);
    if (names?.isEmpty === true) this.envs.delete(env);
    this.removeNamesake(env, entry);
    this.attribute(entry, "");
    entry.isLapsed = false;
    entry.json = undefined;
    this.live--;
    if (isDiscovery(entry)) this.nodes--;
    this.changed(app);
    // Now and then, because it looks at all services.
    if (this.apps.size - this.serviceCount > emptyServicesMax * 2) this.forgetEmpty(this.clock.monotonicMs());
  }

  private addNamesake(env: string, entry: Entry): void {
    let hosts = this.byHostname.get(env);
    if (hosts === undefined) this.byHostname.set(env, (hosts = new Map()));
    const name = asciiLower(entry.identity.hostname);
    const namesakes = hosts.get(name);
    if (namesakes === undefined) hosts.set(name, entry);
    else if (namesakes instanceof Entry) hosts.set(name, new Set([namesakes, entry]));
    else namesakes.add(entry);
  }

  private removeNamesake(env: string, entry: Entry): void {
    const hosts = this.byHostname.get(env);
    const name = asciiLower(entry.identity.hostname);
    const namesakes = hosts?.get(name);
    if (namesakes instanceof Set) namesakes.delete(entry);
    if (namesakes === entry || (namesakes instanceof Set && namesakes.size === 0)) hosts?.delete(name);
    if (hosts?.size === 0) this.byHostname.delete(env);
  }

  private appOf({ identity: { env, appid } }: Entry): App {
    const key = appKey(env, appid);
    let app = this.apps.get(key);
    if (app === undefined) {
      app = new App(key);
      app.emptySinceMs = this.clock.monotonicMs();
      this.apps.set(key, app);
    }
    return app;
  }

  private changed(app: App): void {
    app.revision = ++this.version;
    const now = this.versions.next();
    // Readers compare with it: it does not go back, even if the wall clock does.
    app.latest = now > app.latest ? now : versionAfter(app.latest);
    this.onChange(app);
  }

  private toggle(entry: Entry): void {
    this.digest.toggle(entry.bucket, entry.hash);
  }

  private countCaller(caller: string, by: number): void {
    if (caller === "") return;
    const count = (this.callers.get(caller) ?? 0) + by;
    if (count > 0) this.callers.set(caller, count);
    else this.callers.delete(caller);
  }
}

/** True for a node of the registry itself. */
export function isDiscovery({ identity }: Entry): boolean {
  return identity.appid === discoveryAppid;
}

function envOf(entry: Entry): string {
  return isDiscovery(entry) ? "" : entry.identity.env;
}
