// Keeps a process's cache of a shared engine consistent. Every change of a session increments the engine's sequence
// number and is recorded in a bounded log. Before it answers, a reader makes a fence: it reads the sequence number and
// the changes since the last fence, invalidates what changed and notifies listeners. If the log does not reach back far
// enough, or the engine's epoch has changed, everything is invalidated.
//
// Pure: engines provide the fences.

import { sessionCacheAccountsMax } from "../base/limits/fixed.ts";
import { LocationCache } from "./location-cache.ts";
import { Presence, type PresenceEvent } from "./presence.ts";

/** An entry of the log. `online`: an account's first session began; `offline`: its last one ended. */
export type Change =
  | { readonly kind: "online" | "offline" | "moved"; readonly app: string; readonly account: string }
  | { readonly kind: "leaseEnded"; readonly lease: number };

export interface Fence {
  /** Identifies the engine's data: a different epoch means that earlier data was lost. */
  readonly epoch: string;
  readonly sequence: number;
  /** The changes since the follower's sequence, in order; undefined if the log does not reach back far enough. */
  readonly changes: readonly Change[] | undefined;
}

export class Follower {
  readonly cache = new LocationCache(sessionCacheAccountsMax);
  readonly presence = new Presence();
  private readonly lossListeners = new Set<() => void>();
  /** '' before the first fence. */
  epoch = "";
  sequence = 0;

  /** Applies a fence. The cache is invalidated before listeners are called. */
  follow(fence: Fence): void {
    const isFirst = this.epoch === "";
    const isLost = !isFirst && fence.epoch !== this.epoch;
    const { changes } = fence;
    this.epoch = fence.epoch;
    this.sequence = fence.sequence;
    // Nothing was read before the first fence, so nothing can be stale.
    if (isFirst) return;
    if (isLost || changes === undefined) {
      this.cache.clear();
      this.presence.tell([{ kind: "reset" }]);
      if (isLost) for (const listener of this.lossListeners) listener();
      return;
    }
    if (changes.length > 0) this.apply(changes);
  }

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
      this.cache.delete(change.app, change.account);
      events.push(change);
    }
    this.presence.tell(events);
  }
}
