// Sessions in this process's memory, for standalone, where login and chat share them. They end with the process, as its
// connections do.

import { limitValues } from "../base/limits/table.ts";
import type { GatewayStart, Location, PresenceListener, PutOutcome, SessionLimits, Sessions } from "./sessions.ts";

const nowhere: readonly Location[] = Object.freeze([]);

/** The engine `memory:`. Maps are nested, because names may contain any separator. */
export class MemorySessions implements Sessions {
  /** app → account → locations. Lists are replaced, never changed, because `locate` returns them. */
  private readonly apps = new Map<string, Map<string, readonly Location[]>>();
  private readonly listeners = new Set<PresenceListener>();
  readonly isHealthy = true;
  private readonly devicesMax: number;

  constructor(limits: Pick<SessionLimits, "devicesPerAccount"> = limitValues()) {
    this.devicesMax = limits.devicesPerAccount;
  }

  put(app: string, account: string, location: Location): Promise<PutOutcome> {
    const before = this.of(app, account);
    const replaced = before.find(({ device }) => device === location.device);
    if (replaced === undefined && before.length >= this.devicesMax) {
      return Promise.resolve({ result: "tooManyDevices" });
    }
    this.store(app, account, before, [...before.filter((other) => other !== replaced), location]);
    return Promise.resolve({ result: "put", replaced });
  }

  async restore(app: string, account: string, location: Location): Promise<"restored" | "present" | "refused"> {
    const holder = this.of(app, account).find(({ device }) => device === location.device);
    if (holder !== undefined) return holder.channelId === location.channelId ? "present" : "refused";
    return (await this.put(app, account, location)).result === "put" ? "restored" : "refused";
  }

  remove(app: string, account: string, channelId: string): Promise<boolean> {
    const before = this.of(app, account);
    const after = before.filter((location) => location.channelId !== channelId);
    if (after.length === before.length) return Promise.resolve(false);
    this.store(app, account, before, after);
    return Promise.resolve(true);
  }

  /** Scans all sessions: gateways rarely end, and an index would cost memory for each connection. */
  removeGateway(gateway: string, keepIncarnation?: string): Promise<void> {
    this.removeWhere((location) => location.gateway === gateway && location.incarnation !== keepIncarnation);
    return Promise.resolve();
  }

  /** Does nothing: login and gateway share the life of this memory, and `removeGateway` ends a gateway's sessions. */
  renew(_gateways: readonly GatewayStart[]): Promise<readonly GatewayStart[]> {
    return Promise.resolve([]);
  }

  /** In one process a link breaks only with its gateway. */
  suspect(gateway: string, incarnation: string): Promise<void> {
    this.removeWhere((location) => location.gateway === gateway && location.incarnation === incarnation);
    return Promise.resolve();
  }

  /** Returns no promise. The caller may keep the lists, but must not change them. */
  locate(app: string, accounts: readonly string[]): readonly (readonly Location[])[] {
    const ofApp = this.apps.get(app);
    const found: (readonly Location[])[] = [];
    for (const account of accounts) found.push(ofApp?.get(account) ?? nowhere);
    return found;
  }

  watchPresence(listener: PresenceListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Memory is lost only with the process. */
  watchLoss(_listener: () => void): () => void {
    return () => {};
  }

  close(): Promise<void> {
    this.apps.clear();
    this.listeners.clear();
    return Promise.resolve();
  }

  private of(app: string, account: string): readonly Location[] {
    return this.apps.get(app)?.get(account) ?? nowhere;
  }

  private removeWhere(isGone: (location: Location) => boolean): void {
    for (const [app, accounts] of this.apps) {
      for (const [account, before] of accounts) {
        const after = before.filter((location) => !isGone(location));
        if (after.length !== before.length) this.store(app, account, before, after);
      }
    }
  }

  private store(app: string, account: string, before: readonly Location[], after: readonly Location[]): void {
    const accounts = this.apps.getOrInsertComputed(app, () => new Map());
    if (after.length > 0) accounts.set(account, after);
    else {
      accounts.delete(account);
      if (accounts.size === 0) this.apps.delete(app);
    }
    for (const listener of this.listeners) {
      if (before.length === 0) listener.online(app, account);
      else if (after.length === 0) listener.offline(app, account);
      else listener.moved?.(app, account);
    }
  }
}
