// The table: every identity that this node knows, living or cancelled. Merging a state is idempotent, and the order in
// which states arrive does not matter: replication depends on both. The table has no timer and no IO; its owner calls
// it when time has passed.

import { leaseMs, tombstoneMs } from "../../base/limits/fixed.ts";
import { Digest } from "./digest.ts";
import { compareVersions, Entry, type EntryState, hashOf } from "./entry.ts";
import { type Identity, instanceKey } from "../instance.ts";
import { Listing, type ListingParts } from "./listing.ts";
import { type Bounded, type Fault, weightOfInstance } from "../names.ts";
import type { TableRules } from "./table-rules.ts";

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

interface TableParts extends ListingParts {
  readonly rules: TableRules;
}

export class Table extends Listing {
  readonly digest = new Digest();
  /** Grows with every renewal. */
  renewals = 0;
  /** Cancelled instances that are remembered. */
  tombstones = 0;
  /** What the living weigh, in bytes, about. */
  bytes = 0;
  /** This node's own entry, for which there is always room; '' in a table of no node. */
  ownKey = "";
  private readonly entries = new Map<string, Entry>();
  private readonly parts: TableParts;

  constructor(parts: TableParts) {
    super(parts);
    this.parts = parts;
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

  /** Why the table refuses an instance, from any source; undefined if it accepts it. */
  refusalOf(instance: Bounded): Fault | undefined {
    return this.refusal(instance, this.get(instance));
  }

  /**
   * Takes in a state, from a client's write or from another node. `isRestoring` also takes what is at the end of its
   * lease, for a node that has only now begun to listen.
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
    // A version from the future was made while a clock was wrong: it must not win until that moment is reached.
    if (order > 0 || this.parts.versions.isFromFuture(known.dirty)) {
      if (state.instance !== undefined) {
        if (known.instance === undefined && !this.parts.rules.isTimely(state, isRestoring)) return "refused";
        if (this.refusal(state.instance, known) !== undefined) return "refused";
      }
      this.replace(known, state, touchedAtMs);
      return "newer";
    }
    // A snapshot's lease began with this process; a node that has heard of the instance knows when it really did.
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
    if (entry.isLapsed && this.nowMs - touchedAtMs <= leaseMs) {
      this.revive(entry);
    }
    entry.touchedAtMs = touchedAtMs;
    this.renewals++;
    if (touchedAtMs - entry.bornAtMs >= renewedAfterMs) entry.hasRenewed = true;
    const agoNs = BigInt(Math.round((this.nowMs - touchedAtMs) * 1e6));
    entry.renewTimestamp = this.parts.clock.wallNs() - agoNs;
  }

  /**
   * Puts in what a snapshot says: readers see it, but no other node is told before one confirms it. A version from the
   * future, because a clock was wrong when it was written or is wrong now, counts as in `restamp`.
   */
  restore(state: EntryState): void {
    if (this.entries.has(instanceKey(state.identity))) return;
    const restored = this.parts.versions.isFromFuture(state.dirty) ? this.restamped(state) : state;
    if (restored === undefined) return;
    // A lease starts again: an instance that lives has the time of one lease to renew.
    const age = restored.instance === undefined ? restored.ageMs : 0;
    const entry = this.add({ ...restored, ageMs: age }, this.nowMs - age, true);
    if (entry === undefined || entry.instance === undefined) return;
    this.toggle(entry);
    entry.isStale = true;
  }

  /** Drops what a snapshot said and nobody has confirmed: other nodes, which know better, have been heard. */
  dropStale(): void {
    for (const entry of this.entries.values()) if (entry.isStale) this.drop(entry);
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
   * Gives what a wrong clock wrote with versions from the future versions of now, so that other nodes take it, and
   * forgets cancellations of such versions. Returns the living entries that it changed; others are to be told of them.
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

  /** A living instance's state with a version of now; undefined for a cancelled one's. */
  private restamped(state: EntryState): EntryState | undefined {
    if (state.instance === undefined) return undefined;
    const dirty = this.parts.versions.next();
    return { ...state, dirty, instance: { ...state.instance, dirtyTimestamp: dirty, latestTimestamp: dirty } };
  }

  private forgetSurplus(): void {
    let surplus = this.tombstones - this.parts.rules.limits.values.tombstones;
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

  /** Another node knows the entry: from now on this node replicates it. */
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
