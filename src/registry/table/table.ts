// The table: every identity that this node knows, live or cancelled. Merging a state is idempotent and commutative;
// replication depends on both. The table has no timers and no IO; its owner calls it as time passes.

import { leaseMs, tombstoneMs } from "../../base/limits/fixed.ts";
import { Digest } from "./digest.ts";
import { compareVersions, Entry, type EntryState, hashOf } from "./entry.ts";
import { type Identity, instanceKey } from "../instance.ts";
import { Listing, type ListingParts } from "./listing.ts";
import { type Bounded, type Fault, weightOfInstance } from "../names.ts";
import type { TableRules } from "./table-rules.ts";

/** A renewal proves life from this age of the instance on: half of the clients' renewal interval. */
export const renewedAfterMs = 15_000;

/** The result of merging a state. */
export type Merge =
  /** It was new. */
  | "newer"
  /** It was known, and extended the lease. */
  | "renewed"
  /** It was known. */
  | "same"
  /** A newer state is known. */
  | "older"
  /** Refused: too far in the future, too old, or there is no room. */
  | "refused";

interface TableParts extends ListingParts {
  readonly rules: TableRules;
}

export class Table extends Listing {
  readonly digest = new Digest();
  /** Increases with every renewal. */
  renewals = 0;
  tombstones = 0;
  /** The memory of live instances, in bytes, approximately. */
  bytes = 0;
  /** The key of this node's own entry, for which there is always room; '' if the table belongs to no node. */
  ownKey = "";
  private readonly entries = new Map<string, Entry>();
  private readonly parts: TableParts;

  constructor(parts: TableParts) {
    super(parts);
    this.parts = parts;
  }

  /** Returns an identity's entry, live or cancelled. */
  get(identity: Identity): Entry | undefined {
    return this.entries.get(instanceKey(identity));
  }

  /** Reports whether a key belongs to a tombstone. */
  hasCancelled(key: string): boolean {
    const entry = this.entries.get(key);
    return entry !== undefined && entry.instance === undefined;
  }

  /** Returns all entries, live or cancelled. The table may change during the iteration. */
  all(): IterableIterator<Entry> {
    return this.entries.values();
  }

  /** Returns why the table refuses an instance, from any source, or undefined. */
  refusalOf(instance: Bounded): Fault | undefined {
    return this.refusal(instance, this.get(instance));
  }

  /**
   * Merges a state of a client's write or of another node. `isRestoring` also accepts a state near the end of its
   * lease, for a node that has only just started.
   */
  merge(state: EntryState, isRestoring = false): Merge {
    const { nowMs } = this;
    const touchedAtMs = nowMs - Math.max(0, state.ageMs);
    if (this.parts.versions.isFromFuture(state.dirty)) return "refused";
    const known = this.entries.get(instanceKey(state.identity));
    if (known === undefined) return this.add(state, touchedAtMs, isRestoring) === undefined ? "refused" : "newer";
    if (state.hasRenewed && state.instance !== undefined && known.instance !== undefined) known.hasRenewed = true;
    const order = compareVersions(
      { dirty: state.dirty, instance: state.instance, hash: hashOf(known.key, state.dirty, state.instance) },
      known,
    );
    // A version from the future comes from a wrong clock: it must not win until that moment is reached.
    if (order > 0 || this.parts.versions.isFromFuture(known.dirty)) {
      if (state.instance !== undefined) {
        if (known.instance === undefined && !this.parts.rules.isTimely(state, isRestoring)) return "refused";
        if (this.refusal(state.instance, known) !== undefined) return "refused";
      }
      this.replace(known, state, touchedAtMs);
      return "newer";
    }
    // A snapshot's lease began with this process; a node that has heard of the instance knows the real start.
    if (known.isStale && state.instance !== undefined) known.touchedAtMs = -Infinity;
    // The later renewal counts, and confirms the instance.
    const isRenewed = known.instance !== undefined && state.instance !== undefined && touchedAtMs > known.touchedAtMs;
    if (isRenewed) this.touch(known, touchedAtMs);
    if (order < 0) return "older";
    this.confirm(known);
    return isRenewed ? "renewed" : "same";
  }

  /** Extends a live instance's lease, counted from `touchedAtMs` on the monotonic clock; never shortens it. */
  touch(entry: Entry, touchedAtMs: number): void {
    this.confirm(entry);
    if (touchedAtMs <= entry.touchedAtMs) return;
    if (entry.isLapsed && this.nowMs - touchedAtMs <= leaseMs) this.revive(entry);
    entry.touchedAtMs = touchedAtMs;
    this.renewals++;
    if (touchedAtMs - entry.bornAtMs >= renewedAfterMs) entry.hasRenewed = true;
    const agoNs = BigInt(Math.round((this.nowMs - touchedAtMs) * 1e6));
    entry.renewTimestamp = this.parts.clock.wallNs() - agoNs;
  }

  /**
   * Adds a snapshot's state: readers see it, but other nodes do not receive it until one confirms it. Versions from the
   * future (a clock was wrong when it was written, or is wrong now) are replaced as in `restamp`.
   */
  restore(state: EntryState): void {
    if (this.entries.has(instanceKey(state.identity))) return;
    const restored = this.parts.versions.isFromFuture(state.dirty) ? this.restamped(state) : state;
    if (restored === undefined) return;
    // A live instance gets a new lease in which to renew.
    const age = restored.instance === undefined ? restored.ageMs : 0;
    const entry = this.add({ ...restored, ageMs: age }, this.nowMs - age, true);
    if (entry === undefined || entry.instance === undefined) return;
    this.toggle(entry);
    entry.isStale = true;
  }

  /** Drops a snapshot's states that nobody has confirmed, after other nodes have answered. */
  dropStale(): void {
    for (const entry of this.entries.values()) if (entry.isStale) this.drop(entry);
  }

  /** Forgets an instance whose lease has expired. Other nodes find out for themselves. */
  evict(entry: Entry): void {
    if (entry.isHeld) this.drop(entry);
  }

  /** Forgets tombstones and services without instances that are old enough. */
  forget(nowMs: number): void {
    for (const entry of this.entries.values()) {
      if (entry.instance === undefined && nowMs - entry.touchedAtMs > tombstoneMs) this.drop(entry);
    }
    this.forgetSurplus();
    this.apps.forgetEmpty(nowMs);
  }

  /**
   * Replaces versions from the future, written under a wrong clock, with current ones, so that other nodes accept them,
   * and forgets tombstones with such versions. Returns the live entries that changed, which other nodes must receive.
   */
  restamp(): Entry[] {
    const restamped: Entry[] = [];
    for (const entry of this.entries.values()) {
      if (!this.parts.versions.isFromFuture(entry.dirty)) continue;
      const state = this.restamped(entry.state(this.nowMs));
      if (state === undefined) {
        this.drop(entry);
        continue;
      }
      this.replace(entry, state, entry.touchedAtMs);
      restamped.push(entry);
    }
    return restamped;
  }

  /** Returns a live state with a current version; undefined for a tombstone. */
  private restamped(state: EntryState): EntryState | undefined {
    if (state.instance === undefined) return undefined;
    const dirty = this.parts.versions.next();
    return { ...state, dirty, instance: { ...state.instance, dirtyTimestamp: dirty, latestTimestamp: dirty } };
  }

  private forgetSurplus(): void {
    let surplus = this.tombstones - this.parts.rules.limits.values.tombstones;
    // A map keeps insertion order: the first identities are nearly the oldest tombstones.
    for (const entry of this.entries.values()) {
      if (surplus <= 0) break;
      if (entry.instance !== undefined) continue;
      this.drop(entry);
      surplus--;
    }
  }

  /** Counts a new tombstone. */
  private buried(): void {
    this.tombstones++;
    // Only now and then, because it scans many entries.
    const { tombstones } = this.parts.rules.limits.values;
    if (this.tombstones <= tombstones * 1.1) return;
    this.parts.rules.limits.met("tombstones");
    this.forgetSurplus();
  }

  private refusal(instance: Bounded, known: Entry | undefined): Fault | undefined {
    const fault = this.parts.rules.faultOf(instance);
    if (fault !== undefined || instanceKey(instance) === this.ownKey) return fault;
    const growth = weightOfInstance(instance) - (known?.weight ?? 0);
    return this.parts.rules.fullnessFor(instance.appid, this, known?.instance === undefined, growth);
  }

  private add(state: EntryState, touchedAtMs: number, isRestoring: boolean): Entry | undefined {
    if (!this.parts.rules.isTimely(state, isRestoring)) return undefined;
    if (state.instance !== undefined && this.refusal(state.instance, undefined) !== undefined) return undefined;
    const entry = new Entry(state, touchedAtMs);
    entry.isProbed &&= this.parts.rules.takesProbes;
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
    entry.isProbed = state.isProbed && this.parts.rules.takesProbes;
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
      this.relisted(entry);
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

  /** Another node knows the entry, so this node replicates it from now on. */
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

  private toggle(entry: Entry): void {
    this.digest.toggle(entry.bucket, entry.hash);
  }
}
