// What readers of a table see: the living instances by service and by name, and a version that grows with every change
// of them. table.ts decides which instances these are.

import type { Clock } from "../../base/clock.ts";
import { type App, Apps } from "./apps.ts";
import { CallerCounts } from "./caller-counts.ts";
import { type Entry, isDiscovery } from "./entry.ts";
import { type HybridClock, versionAfter } from "./hybrid-clock.ts";
import { LiveNames } from "./live-names.ts";
import type { EnvNames } from "../name-index.ts";

export interface ListingParts {
  readonly clock: Clock;
  readonly versions: HybridClock;
  /** Called for every change that a reader can see. */
  readonly onChange: (app: App) => void;
}

export class Listing {
  /** Grows with every change that a reader can see. */
  version = 0;
  /** Living instances. */
  live = 0;
  /** Those of them that are nodes of the registry. */
  nodes = 0;
  private readonly apps = new Apps();
  private readonly liveNames = new LiveNames();
  private readonly callers = new CallerCounts();
  /** Services of instances that were marked and have renewed. */
  private readonly revived = new Set<App>();
  private readonly seams: ListingParts;

  constructor(parts: ListingParts) {
    this.seams = parts;
  }

  /** A service with its living instances; it may have lost the last one a while ago. */
  app(env: string, appid: string): App | undefined {
    return this.apps.get(env, appid);
  }

  /** Services that have living instances. */
  services(): Iterable<App> {
    return this.apps.listed();
  }

  get serviceCount(): number {
    return this.apps.listedCount;
  }

  /** Living instances of an env with a hostname; see `LiveNames.named`. */
  named(env: string, hostname: string): Iterable<Entry> {
    return this.liveNames.named(env, hostname);
  }

  /** The names of what lives in an env: its own, and those of the registry's nodes. */
  names(env: string): EnvNames[] {
    return this.liveNames.in(env);
  }

  /** Living instances that an address has registered here. */
  countOf(caller: string): number {
    return this.callers.of(caller);
  }

  /** The most that any address has registered here. */
  get countOfBusiestCaller(): number {
    return this.callers.most;
  }

  /** Remembers which address registered an instance here; '' for none. */
  attribute(entry: Entry, caller: string): void {
    if (entry.caller === caller) return;
    this.callers.add(entry.caller, -1);
    entry.caller = caller;
    this.callers.add(caller, 1);
  }

  /**
   * Marks instances that are listed although their lease has run out, and changes at most `servicesMax` services by
   * that. A renewal removes the mark.
   */
  markLapsed(entries: Iterable<Entry>, servicesMax: number): void {
    const apps = new Set<App>();
    for (const entry of entries) {
      if (entry.isLapsed || entry.instance === undefined) continue;
      const app = this.apps.of(entry, this.nowMs);
      if (apps.size >= servicesMax && !apps.has(app)) continue;
      entry.isLapsed = true;
      apps.add(app);
    }
    for (const app of apps) this.changed(app);
  }

  /** Reports the marks that renewals have removed since the last call: many come at a time. */
  tellRevived(): void {
    for (const app of this.revived) this.changed(app);
    this.revived.clear();
  }

  /** Removes the mark of an instance that has renewed. */
  protected revive(entry: Entry): void {
    entry.isLapsed = false;
    this.revived.add(this.apps.of(entry, this.nowMs));
  }

  /** Makes a living instance visible. */
  protected list(entry: Entry): void {
    const app = this.apps.list(entry, this.nowMs);
    this.liveNames.add(entry);
    this.live++;
    if (isDiscovery(entry)) this.nodes++;
    this.changed(app);
  }

  /** Makes an instance that lived invisible. */
  protected unlist(entry: Entry): void {
    const app = this.apps.unlist(entry, this.nowMs);
    this.liveNames.remove(entry);
    this.attribute(entry, "");
    entry.isLapsed = false;
    entry.json = undefined;
    this.live--;
    if (isDiscovery(entry)) this.nodes--;
    this.changed(app);
    if (this.apps.hasManyEmpty) this.forgetEmpty(this.nowMs);
  }

  /** A listed instance has another state. */
  protected relisted(entry: Entry): void {
    this.changed(this.apps.of(entry, this.nowMs));
  }

  protected forgetEmpty(nowMs: number): void {
    this.apps.forgetEmpty(nowMs);
  }

  protected get nowMs(): number {
    return this.seams.clock.monotonicMs();
  }

  private changed(app: App): void {
    app.revision = ++this.version;
    const now = this.seams.versions.next();
    // Readers compare with it: it does not go back, even if the wall clock does.
    app.latest = now > app.latest ? now : versionAfter(app.latest);
    this.seams.onChange(app);
  }
}
