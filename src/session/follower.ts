// How a process keeps what it has read of a shared engine true. Every change of a session increments the engine's
// sequence and is noted in a bounded log. Before answering, a reader makes a fence: it reads the sequence and the changes
// since the last fence, forgets what changed and tells listeners. Where the log does not reach back so far, or the
// engine has begun another life (its epoch is another), all is forgotten.
//
// A pure core: engines bring the fences.

import { sessionCacheAccountsMax } from "../base/limits/fixed.ts";
import { LocationCache } from "./location-cache.ts";
import { Presence, type PresenceEvent } from "./presence.ts";

/** A line of the log. `online` and `offline`: the first session of an account came, the last one went. */
export type Change =
  | { readonly kind: "online" | "offline" | "moved"; readonly app: string; readonly account: string }
  | { readonly kind: "leaseEnded"; readonly lease: number };

/** What a fence read. */
export interface Fence {
  /** Names the engine's data: another one means that those before were lost. */
  readonly epoch: string;
  readonly sequence: number;
  /** Since the follower's sequence, in order; undefined where the log does not reach back so far. */
  readonly changes: readonly Change[] | undefined;
}

/** One opening's view of the engine: what it has seen, what it remembers and whom it tells. */
export class Follower {
  readonly cache: LocationCache;
  readonly presence = new Presence();
  private readonly lossListeners = new Set<() => void>();
  /** '' before the first fence. */
  epoch = "";
  sequence = 0;

  constructor(accountsMax: number = sessionCacheAccountsMax) {
    this.cache = new LocationCache(accountsMax);
  }

  /** Takes a fence's news in. All is forgotten that has to be before anybody is told. */
  follow(fence: Fence): void {
    const isFirst = this.epoch === "";
    const isLost = !isFirst && fence.epoch !== this.epoch;
    const { changes } = fence;
    this.epoch = fence.epoch;
    this.sequence = fence.sequence;
    // Nothing was read before the first fence, so nothing can be wrong.
    if (isFirst) return;
    if (isLost || changes === undefined) {
      this.cache.clear();
      this.presence.tell([{ kind: "reset" }]);
      if (isLost) for (const listener of this.lossListeners) listener();
      return;
    }
    if (changes.length > 0) this.apply(changes);
  }

  /** Returns the function that ends the watching. */
  watchLoss(listener: () => void): () => void {
    this.lossListeners.add(listener);
    return () => this.lossListeners.delete(listener);
  }

  close(): void {
    this.cache.clear();
    this.presence.close();
    this.lossListeners.clear();
  }

  private apply(changes: readonly Change[]): void {
    const events: PresenceEvent[] = [];
    for (const change of changes) {
      if (change.kind === "leaseEnded") {
        this.cache.deleteLease(change.lease);
        continue;
      }
      const { kind, app, account } = change;
      this.cache.delete(app, account);
      if (kind !== "moved") events.push({ kind, app, account });
    }
    this.presence.tell(events);
  }
}
