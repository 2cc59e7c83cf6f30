// Requests that wait for changes of services. Each has its own watcher, woken at the end of the turn in which something
// changed. If the answers of a wake-up are so large that writing them takes long, they are spread over turns while
// further changes of that service accumulate, and other requests are served in between.

import type { Clock } from "../../base/clock.ts";
import type { Timers } from "../../base/timers.ts";

/** Answers written in one turn of the event loop, in bytes. */
const turnBytes = 512 * 1024;
/** After a wake-up that took t, the service's next one comes at the earliest this many times t later … */
const restFactor = 3;
/** … and at the latest after this time. */
const restMsMax = 1_000;
/** A shorter wake-up needs no pause. */
const briefMs = 5;

/** Called after changes of a watched service; returns the approximate number of bytes written. */
type OnChange = (key: string) => number;

interface Watcher {
  readonly onChange: OnChange;
  isOn: boolean;
}

interface Watched {
  readonly key: string;
  /** Most services have one watcher, which needs no set. */
  watchers: Watcher | Set<Watcher> | undefined;
  /** Changed, and not yet being reported. */
  isChanged: boolean;
  /** Being reported, or pausing. */
  isBusy: boolean;
}

export class Watchers {
  private readonly watched = new Map<string, Watched>();
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly changed = new Set<string>();
  private isFlushPlanned = false;
  private count = 0;

  constructor(clock: Clock, timers: Timers) {
    this.clock = clock;
    this.timers = timers;
  }

  get size(): number {
    return this.count;
  }

  /** Watches services by key until the returned function is called. */
  watch(keys: readonly string[], onChange: OnChange): () => void {
    const watcher: Watcher = { onChange, isOn: true };
    this.count++;
    // A key is stored once, however many watch it.
    const own = keys.map((key) => this.add(key, watcher));
    return () => {
      if (!watcher.isOn) return;
      watcher.isOn = false;
      this.count--;
      for (const watched of own) this.remove(watched, watcher);
    };
  }

  /** True while changes of a service accumulate: its watchers hear of them soon. */
  isGathering(key: string): boolean {
    const watched = this.watched.get(key);
    return watched !== undefined && watched.isBusy && watched.isChanged;
  }

  /** Reports a change of a service. */
  notify(key: string): void {
    const watched = this.watched.get(key);
    if (watched === undefined) return;
    watched.isChanged = true;
    if (watched.isBusy) return;
    this.changed.add(key);
    if (this.isFlushPlanned) return;
    this.isFlushPlanned = true;
    this.timers.soon(() => this.flush());
  }

  private add(key: string, watcher: Watcher): Watched {
    const watched = this.watched.get(key);
    if (watched === undefined) {
      const first: Watched = { key, watchers: watcher, isChanged: false, isBusy: false };
      this.watched.set(key, first);
      return first;
    }
    const { watchers } = watched;
    if (watchers instanceof Set) watchers.add(watcher);
    else watched.watchers = watchers === undefined ? watcher : new Set([watchers, watcher]);
    return watched;
  }

  private remove(watched: Watched, watcher: Watcher): void {
    const { key, watchers, isBusy } = watched;
    if (watchers instanceof Set) watchers.delete(watcher);
    const isEmpty = watchers === watcher || (watchers instanceof Set && watchers.size === 0);
    if (!isEmpty) return;
    watched.watchers = undefined;
    if (!isBusy) this.watched.delete(key);
  }

  private flush(): void {
    this.isFlushPlanned = false;
    const keys = [...this.changed];
    this.changed.clear();
    for (const key of keys) {
      const watched = this.watched.get(key);
      if (watched === undefined || watched.isBusy) continue;
      watched.isBusy = true;
      watched.isChanged = false;
      this.tell(key, watched, watchersOf(watched), 0, this.clock.monotonicMs());
    }
  }

  /** Wakes `waiting` from index `at` on, as many as fit into this turn; the rest follows in the next turns. */
  private tell(key: string, watched: Watched, waiting: readonly Watcher[], at: number, beganMs: number): void {
    let bytes = 0;
    let next = at;
    for (; next < waiting.length && bytes < turnBytes; next++) {
      const watcher = waiting[next];
      if (watcher?.isOn === true) bytes += watcher.onChange(key);
    }
    if (next < waiting.length) {
      this.timers.soon(() => this.tell(key, watched, waiting, next, beganMs));
      return;
    }
    const tookMs = this.clock.monotonicMs() - beganMs;
    if (tookMs < briefMs) this.rested(key, watched);
    else this.timers.after(Math.min(tookMs * restFactor, restMsMax), () => this.rested(key, watched));
  }

  private rested(key: string, watched: Watched): void {
    watched.isBusy = false;
    if (watched.isChanged) this.notify(key);
    else if (watched.watchers === undefined) this.watched.delete(key);
  }
}

function watchersOf({ watchers }: Watched): readonly Watcher[] {
  if (watchers === undefined) return [];
  return watchers instanceof Set ? [...watchers] : [watchers];
}
