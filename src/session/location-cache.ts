// Locations that were read, bounded: two generations of maps. What is used moves into the younger one; when that is
// full, it becomes the older one and the older one goes. Nearly least-recently-used, for one look-up a read.
//
// What an entry says is true until its account changes or a lease of it ends: who fills it must say so (see follower.ts).

import type { Location } from "./sessions.ts";

/** An account's locations, and the leases that they live by. Never changed. */
export interface LeasedLocations {
  readonly locations: readonly Location[];
  readonly leases: readonly number[];
}

/** An account that is nowhere. */
export const nowhere: LeasedLocations = Object.freeze({ locations: Object.freeze([]), leases: Object.freeze([]) });

type Generation = Map<string, Map<string, LeasedLocations>>;

/** (app, account) → locations, of at most `accountsMax` accounts. */
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
    let ofApp = this.young.get(app);
    if (ofApp === undefined) {
      ofApp = new Map();
      this.young.set(app, ofApp);
    }
    if (!ofApp.has(account)) this.youngSize++;
    ofApp.set(account, found);
  }

  delete(app: string, account: string): void {
    if (this.young.get(app)?.delete(account) === true) this.youngSize--;
    this.old.get(app)?.delete(account);
  }

  /** Forgets every account with a session of that lease. Looks at all of them: gateways go seldom. */
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
