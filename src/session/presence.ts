// Notifies listeners of accounts whose sessions change, in order, even if a listener causes further events.

import type { PresenceListener } from "./sessions.ts";

export type PresenceEvent =
  | { readonly kind: "online" | "offline" | "moved"; readonly app: string; readonly account: string }
  | { readonly kind: "reset" };

export class Presence {
  private readonly listeners = new Set<PresenceListener>();
  private readonly pending: PresenceEvent[] = [];
  private isTelling = false;

  watch(listener: PresenceListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(events: readonly PresenceEvent[]): void {
    if (this.listeners.size === 0) return;
    for (const event of events) this.pending.push(event);
    if (this.isTelling) return;
    this.isTelling = true;
    try {
      // The list may grow meanwhile: a listener that asks for locations causes further events.
      for (const event of this.pending) this.tellOne(event);
    } finally {
      this.pending.length = 0;
      this.isTelling = false;
    }
  }

  close(): void {
    this.listeners.clear();
  }

  private tellOne(event: PresenceEvent): void {
    for (const listener of this.listeners) {
      if (event.kind === "reset") listener.reset?.();
      else listener[event.kind]?.(event.app, event.account);
    }
  }
}
