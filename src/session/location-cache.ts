// A bounded cache of locations, in two generations of maps. Entries that are used move to the younger one; when it is
// full, it becomes the older one, whose entries are dropped. This approximates LRU with one lookup for each read.
//
// An entry is valid until its account changes or a lease of it ends; the user of the cache must invalidate it then (see
// follower.ts).

import type { Location } from "./sessions.ts";

/** An account's locations and the leases that they depend on. Immutable. */
export interface LeasedLocations {
  readonly locations: readonly Location[];
  readonly leases: readonly number[];
}

export const nowhere: LeasedLocations = Object.freeze({ locations: Object.freeze([]), leases: Object.freeze([]) });

type Generation = Map<string, Map<string, LeasedLocations>>;

/** Maps (app, account) to locations, for at most `accountsMax` accounts. */
export class LocationCache {
  private readonly generationMax: number;
  private young: Generation = new Map();
  private old: Generation = new Map();
  private youngSize = 0;

  constructor(accountsMax: number) {
    this.generationMax = Math.ceil(accountsMax / 2);
  }

  get(app: string, account: string): LeasedLocations | undefined {
    const found = this.young.get(app)?.get(account);
    if (found !== undefined) return found;
    const ofApp = this.old.get(app);
    const older = ofApp?.get(account);
    if (older === undefined) return undefined;
    ofApp?.delete(account);
    this.set(app, account, older);
    return older;
  }

  set(app: string, account: string, found: LeasedLocations): void {
    if (this.youngSize >= this.generationMax) {
      this.old = this.young;
      this.young = new Map();
      this.youngSize = 0;
    }
    const ofApp = this.young.getOrInsertComputed(app, () => new Map());
    if (!ofApp.has(account)) this.youngSize++;
    ofApp.set(account, found);
  }

  delete(app: string, account: string): void {
    if (this.young.get(app)?.delete(account) === true) this.youngSize--;
    this.old.get(app)?.delete(account);
  }

  /** Drops every account with a session of that lease. Scans all entries, because gateways rarely end. */
  deleteLease(lease: number): void {
    for (const generation of [this.young, this.old]) {
      for (const [app, ofApp] of generation) {
        for (const [account, { leases }] of ofApp) if (leases.includes(lease)) this.delete(app, account);
      }
    }
  }

  clear(): void {
    this.young.clear();
    this.old.clear();
    this.youngSize = 0;
  }
}
