// The services of a table: the live instances of each one by zone and hostname. A service that lost its last instance
// is remembered for a while, so that its version does not decrease when it returns.

import { emptyServicesMax, tombstoneMs } from "../../base/limits/fixed.ts";
import type { Entry } from "./entry.ts";
import { appKey } from "../instance.ts";

/** The live instances of one service in one env, by zone and hostname. */
export class App {
  readonly key: string;
  /** The version that watchers know: increases with every visible change. Local to this node. */
  latest = 0n;
  /** The table's version at the last change of this service. */
  revision = 0;
  readonly zones = new Map<string, Map<string, Entry>>();
  /** When it lost its last instance, by the monotonic clock; undefined while it has instances. */
  emptySinceMs: number | undefined;

  constructor(key: string, emptySinceMs: number) {
    this.key = key;
    this.emptySinceMs = emptySinceMs;
  }

  *entries(): Generator<Entry> {
    for (const zone of this.zones.values()) yield* zone.values();
  }
}

export class Apps {
  /** Services that have living instances. */
  listedCount = 0;
  private readonly apps = new Map<string, App>();

  get(env: string, appid: string): App | undefined {
    return this.apps.get(appKey(env, appid));
  }

  /** Services that have living instances. */
  *listed(): Generator<App> {
    for (const app of this.apps.values()) if (app.emptySinceMs === undefined) yield app;
  }

  /** Returns an entry's service, created without instances. */
  of({ identity: { env, appid } }: Entry, nowMs: number): App {
    return this.apps.getOrInsertComputed(appKey(env, appid), (key) => new App(key, nowMs));
  }

  /** Adds a live instance to its service. */
  list(entry: Entry, nowMs: number): App {
    const { zone, hostname } = entry.identity;
    const app = this.of(entry, nowMs);
    app.zones.getOrInsertComputed(zone, () => new Map()).set(hostname, entry);
    if (app.emptySinceMs !== undefined) this.listedCount++;
    app.emptySinceMs = undefined;
    return app;
  }

  /** Removes an instance from its service. */
  unlist(entry: Entry, nowMs: number): App {
    const { zone, hostname } = entry.identity;
    const app = this.of(entry, nowMs);
    const instances = app.zones.get(zone);
    instances?.delete(hostname);
    if (instances?.size === 0) app.zones.delete(zone);
    if (app.zones.size === 0) {
      app.emptySinceMs = nowMs;
      this.listedCount--;
    }
    return app;
  }

  /** True if enough services are empty for `forgetEmpty`, which scans all of them, to be worth its time. */
  get hasManyEmpty(): boolean {
    return this.apps.size - this.listedCount > emptyServicesMax * 2;
  }

  /** Forgets services that lost their last instance long ago, and the oldest ones if there are too many. */
  forgetEmpty(nowMs: number): void {
    let surplus = this.apps.size - this.listedCount - emptyServicesMax;
    for (const app of this.apps.values()) {
      if (app.emptySinceMs === undefined) continue;
      if (surplus-- > 0 || nowMs - app.emptySinceMs > tombstoneMs) this.apps.delete(app.key);
    }
  }
}
