// A session store for simulations, as Redis is one: a process on a machine of its own, and the clients of it in login
// and chat processes. It keeps the promises of src/session/sessions.ts. It holds nothing on a disk: a crash loses all
// sessions.

import { gatewayRenewMs, gatewaySuspectMs } from "../../src/base/limits/fixed.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import { Presence, type PresenceEvent } from "../../src/session/presence.ts";
import {
  type GatewayStart,
  type Location,
  type PresenceListener,
  type PutOutcome,
  type Sessions,
  SessionsUnavailable,
} from "../../src/session/sessions.ts";
import type { Machine } from "./machines.ts";
import type { Network } from "./network.ts";

/** A client asks for news this often when nothing else brings them. */
const newsMs = 1_000;

/** What the process holds. A sabotage replaces a part of it. */
export class SessionStore {
  private accounts = new Map<string, readonly Location[]>();
  /** When each lease ends, on the clock of leases. */
  private leases = new Map<string, number>();
  /** Leases run only while a gateway renews. */
  private leaseClockMs = 0;
  private renewedMs = 0;
  /** All news for clients, in order. */
  news: PresenceEvent[] = [];
  /** Which start it is: another one has none of the sessions. */
  start = 0;

  /** The process starts, with nothing. */
  restart(): void {
    this.accounts = new Map();
    this.leases = new Map();
    this.news = [];
    this.start++;
  }

  put(account: string, location: Location): PutOutcome {
    const before = this.of(account);
    const replaced = before.find(({ device }) => device === location.device);
    this.set(account, [...before.filter((other) => other !== replaced), location]);
    const key = keyOf(location);
    if (!this.leases.has(key)) this.leases.set(key, this.leaseClockMs + limitValues().gatewayLeaseMs);
    return { result: "put", replaced };
  }

  restore(account: string, location: Location): "restored" | "present" | "refused" {
    const holder = this.of(account).find(({ device }) => device === location.device);
    if (holder !== undefined) return holder.channelId === location.channelId ? "present" : "refused";
    this.put(account, location);
    return "restored";
  }

  remove(account: string, channelId: string): boolean {
    const before = this.of(account);
    const after = before.filter((location) => location.channelId !== channelId);
    this.set(account, after);
    return after.length < before.length;
  }

  removeWhere(isGone: (location: Location) => boolean): void {
    for (const [account, locations] of this.accounts)
      this.set(
        account,
        locations.filter((location) => !isGone(location)),
      );
  }

  renew(gateways: readonly GatewayStart[]): readonly GatewayStart[] {
    const nowMs = performance.now();
    this.leaseClockMs += Math.min(nowMs - this.renewedMs, 2 * gatewayRenewMs);
    this.renewedMs = nowMs;
    this.endLeases();
    const fresh = gateways.filter((gateway) => !this.leases.has(keyOf(gateway)));
    for (const gateway of gateways) this.leases.set(keyOf(gateway), this.leaseClockMs + limitValues().gatewayLeaseMs);
    return fresh;
  }

  protected endLeases(): void {
    for (const [key, endsMs] of this.leases) {
      if (endsMs > this.leaseClockMs) continue;
      this.leases.delete(key);
      this.removeWhere((location) => keyOf(location) === key);
    }
  }

  suspect(start: GatewayStart): void {
    const endsMs = this.leases.get(keyOf(start));
    if (endsMs !== undefined) this.leases.set(keyOf(start), Math.min(endsMs, this.leaseClockMs + gatewaySuspectMs));
  }

  locate(accounts: readonly string[]): readonly (readonly Location[])[] {
    return accounts.map((account) => this.of(account));
  }

  held(start: GatewayStart): ReadonlySet<string> {
    const locations = [...this.accounts.values()].flat();
    return new Set(locations.filter((each) => keyOf(each) === keyOf(start)).map(({ channelId }) => channelId));
  }

  /** All sessions, by account. */
  get all(): ReadonlyMap<string, readonly Location[]> {
    return this.accounts;
  }

  private of(account: string): readonly Location[] {
    return this.accounts.get(account) ?? [];
  }

  private set(account: string, after: readonly Location[]): void {
    const before = this.of(account);
    if (after.length > 0) this.accounts.set(account, after);
    else this.accounts.delete(account);
    if (before.length === 0 && after.length > 0) this.tell("online", account);
    if (before.length > 0 && after.length === 0) this.tell("offline", account);
    if (before.length > 0 && after.length > 0 && !isSame(before, after)) this.tell("moved", account);
  }

  protected tell(kind: "online" | "offline" | "moved", account: string): void {
    this.news.push({ kind, app: "app", account });
  }
}

/** The same connections. */
function isSame(before: readonly Location[], after: readonly Location[]): boolean {
  const ids = new Set(before.map(({ channelId }) => channelId));
  return before.length === after.length && after.every(({ channelId }) => ids.has(channelId));
}

function keyOf({ gateway, incarnation }: GatewayStart): string {
  return `${gateway} ${incarnation}`;
}

/** The session store as a login or chat process has it. */
export class SessionStoreClient implements Sessions {
  isHealthy = true;
  private readonly network: Network;
  private readonly machine: Machine;
  private readonly store: SessionStore;
  private readonly presence = new Presence();
  private readonly lossListeners = new Set<() => void>();
  private start: number;
  private heard: number;

  constructor(network: Network, machine: Machine, store: SessionStore) {
    this.network = network;
    this.machine = machine;
    this.store = store;
    this.start = store.start;
    this.heard = store.news.length;
    setInterval(() => void this.ask(() => undefined).catch(() => undefined), newsMs);
  }

  put(_app: string, account: string, location: Location): Promise<PutOutcome> {
    return this.ask(() => this.store.put(account, location));
  }

  restore(_app: string, account: string, location: Location): Promise<"restored" | "present" | "refused"> {
    return this.ask(() => this.store.restore(account, location));
  }

  remove(_app: string, account: string, channelId: string): Promise<boolean> {
    return this.ask(() => this.store.remove(account, channelId));
  }

  removeGateway(gateway: string, keepIncarnation?: string): Promise<void> {
    return this.ask(() =>
      this.store.removeWhere((each) => each.gateway === gateway && each.incarnation !== keepIncarnation),
    );
  }

  renew(gateways: readonly GatewayStart[]): Promise<readonly GatewayStart[]> {
    return this.ask(() => this.store.renew(gateways));
  }

  suspect(gateway: string, incarnation: string): Promise<void> {
    return this.ask(() => this.store.suspect({ gateway, incarnation }));
  }

  held(start: GatewayStart): Promise<ReadonlySet<string>> {
    return this.ask(() => this.store.held(start));
  }

  locate(_app: string, accounts: readonly string[]): Promise<readonly (readonly Location[])[]> {
    return this.ask(() => this.store.locate(accounts));
  }

  watchPresence(listener: PresenceListener): () => void {
    return this.presence.watch(listener);
  }

  watchLoss(listener: () => void): () => void {
    this.lossListeners.add(listener);
    return () => this.lossListeners.delete(listener);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** An answer brings all the news up to it, which comes first. */
  private async ask<Answer>(handle: () => Answer): Promise<Answer> {
    const { store } = this;
    try {
      const { answer, start, news } = await this.network.call(this.machine, () => ({
        answer: handle(),
        start: store.start,
        news: store.news.length,
      }));
      this.isHealthy = true;
      this.hear(start, news);
      return answer;
    } catch (cause) {
      this.isHealthy = false;
      throw new SessionsUnavailable("the session store does not answer", { cause });
    }
  }

  private hear(start: number, news: number): void {
    if (start < this.start) return;
    if (start > this.start) {
      this.start = start;
      this.heard = news;
      this.presence.tell([{ kind: "reset" }]);
      for (const listener of this.lossListeners) listener();
      return;
    }
    if (news <= this.heard || this.store.start !== start) return;
    const told = this.store.news.slice(this.heard, news);
    this.heard = news;
    this.presence.tell(told);
  }
}
