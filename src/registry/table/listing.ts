// The reader's view of a table: the live instances by service and by name, and a version that increases with every
// change. table.ts decides which instances these are.

import type { Clock } from "../../base/clock.ts";
import { Counts } from "../../base/counts.ts";
import { type App, Apps } from "./apps.ts";
import { type Entry, isDiscovery } from "./entry.ts";
import { type HybridClock, versionAfter } from "./hybrid-clock.ts";
import { LiveNames } from "./live-names.ts";

export interface ListingParts {
  readonly clock: Clock;
  readonly versions: HybridClock;
  /** Called for every visible change. */
  readonly onChange: (app: App) => void;
}

export class Listing {
  /** Increases with every visible change. */
  version = 0;
  /** Live instances. */
  live = 0;
  /** The live nodes of the registry among them. */
  nodes = 0;
  readonly apps = new Apps();
  readonly names = new LiveNames();
  /** The live instances that each address has registered here. */
  readonly callers = new Counts<string>();
  /** Services with instances that were marked as lapsed and have renewed. */
  private readonly revived = new Set<App>();
  private readonly view: ListingParts;

  constructor(parts: ListingParts) {
    this.view = parts;
  }

  /** Returns a service with its live instances. It may have none for a while. */
  app(env: string, appid: string): App | undefined {
    return this.apps.get(env, appid);
  }

  /** Records which address registered an instance here; '' for none. */
  attribute(entry: Entry, caller: string): void {
    if (entry.caller === caller) return;
    if (entry.caller !== "") this.callers.add(entry.caller, -1);
    entry.caller = caller;
    if (caller !== "") this.callers.add(caller);
  }

  /**
   * Marks instances that are listed although their lease has expired; changes at most `servicesMax` services. A renewal
   * removes the mark.
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

  /** Notifies watchers of marks removed since the last call, in one batch. */
  notifyRevived(): void {
    for (const app of this.revived) this.changed(app);
    this.revived.clear();
  }

  /** Removes the mark of an instance that has renewed. */
  protected revive(entry: Entry): void {
    entry.isLapsed = false;
    this.revived.add(this.apps.of(entry, this.nowMs));
  }

  /** Makes a live instance visible. */
  protected list(entry: Entry): void {
    const app = this.apps.list(entry, this.nowMs);
    this.names.add(entry);
    this.live++;
    if (isDiscovery(entry)) this.nodes++;
    this.changed(app);
  }

  /** Hides an instance. */
  protected unlist(entry: Entry): void {
    const app = this.apps.unlist(entry, this.nowMs);
    this.names.remove(entry);
    this.attribute(entry, "");
    entry.isLapsed = false;
    entry.json = undefined;
    this.live--;
    if (isDiscovery(entry)) this.nodes--;
    this.changed(app);
    if (this.apps.hasManyEmpty) this.apps.forgetEmpty(this.nowMs);
  }

  /** Records that a listed instance has a new state. */
  protected relisted(entry: Entry): void {
    this.changed(this.apps.of(entry, this.nowMs));
  }

  protected get nowMs(): number {
    return this.view.clock.monotonicMs();
  }

  private changed(app: App): void {
    app.revision = ++this.version;
    const now = this.view.versions.next();
    // Readers compare it: it never decreases, even if the wall clock does.
    app.latest = now > app.latest ? now : versionAfter(app.latest);
    this.view.onChange(app);
  }
}
