// Who watches whose presence, and what each watcher was told last. It knows nothing of time, stores or links: others
// tell it what they read (presence-pushes.ts, presence-blocks.ts) and send what it says.
//
// A watch has one of three states: asked (whether the watcher may is not known yet), denied (it may not, and is told
// nothing; the watch holds its place, so that a bound shows nothing of it), or the number of devices that the watcher
// was told last. Asked and told watches are in the reverse index, so that a block ends a watch at any moment.
//
// Memory: 130 bytes for each watch, and 200 for each account that is watched; the limit presenceWatches bounds both.

import { accountKey } from "../../../base/account-key.ts";
import type { Location } from "../../../session/sessions.ts";

const asked = -1;
const denied = -2;

/** A connection that watches. */
export interface Watcher {
  readonly app: string;
  readonly account: string;
  readonly location: Location;
  /** By account: the state of the watch. */
  readonly watched: Map<string, number>;
  /** The accounts of which it may have to be told something. */
  readonly changed: Set<string>;
  /** Its connection has ended, or all watches have: it is told nothing any more. */
  isEnded: boolean;
}

/** An account that is watched. */
interface Subject {
  readonly app: string;
  readonly account: string;
  devices: number;
  /** When it left last, in minutes since 1970; 0 if that was before it was watched. */
  leftMinute: number;
  /** Most accounts are watched by one connection: a set for each would hold as much as everything else. */
  watchers: Watcher | Set<Watcher> | undefined;
}

/** The state of an account, as a watcher is to be told it. */
export interface WatchedState {
  readonly account: string;
  readonly devices: number;
  /** Minutes since 1970; 0 while it is online. */
  readonly leftMinute: number;
}

export class Watches {
  /** By account key. */
  private readonly subjects = new Map<string, Subject>();
  private readonly watchersOf = new Map<string, Set<Watcher>>();
  private readonly byChannel = new Map<string, Watcher>();
  /** Those with changed accounts. */
  private readonly behind = new Set<Watcher>();
  private count = 0;

  /** The number of watches of all connections. */
  get size(): number {
    return this.count;
  }

  /** The largest number of watches of a connection. */
  get largest(): number {
    return this.byChannel.values().reduce((most, { watched }) => Math.max(most, watched.size), 0);
  }

  /** Returns how many of these accounts, without duplicates, a connection does not watch yet. */
  fresh(channelId: string, accounts: readonly string[]): number {
    const watched = this.byChannel.get(channelId)?.watched;
    return watched === undefined ? accounts.length : accounts.filter((account) => !watched.has(account)).length;
  }

  /** Returns the number of accounts that a connection watches. */
  of(channelId: string): number {
    return this.byChannel.get(channelId)?.watched.size ?? 0;
  }

  /** Reserves watches of a connection. `allow` and `deny` have to follow for each account, or `cancel`. */
  ask(app: string, account: string, location: Location, accounts: readonly string[]): Watcher {
    const watcher = this.byChannel.get(location.channelId) ?? this.begin(app, account, location);
    for (const name of accounts) {
      const state = watcher.watched.get(name);
      if (state !== undefined && state !== denied) continue;
      if (state === undefined) this.count++;
      watcher.watched.set(name, asked);
      addWatcher(this.subjectOf(app, name), watcher);
    }
    return watcher;
  }

  /**
   * Answers a reserved watch: the account has that many devices now. Returns false if the watch was ended by a block
   * meanwhile; the watcher must be answered as one who may not watch.
   */
  allow(watcher: Watcher, account: string, devices: number): boolean {
    const state = watcher.watched.get(account);
    if (state === denied) return false;
    // Its owner has ended it meanwhile; the answer is true nevertheless.
    if (state === undefined) return true;
    watcher.watched.set(account, devices);
    const subject = this.subjectOf(watcher.app, account);
    if (subject.devices !== devices) this.moved(subject, devices, 0);
    this.unmark(watcher, account);
    return true;
  }

  /** Answers a watch of an account that the watcher may not watch. */
  deny(watcher: Watcher, account: string): void {
    if (!watcher.watched.has(account)) return;
    this.leave(watcher, account);
    watcher.watched.set(account, denied);
    this.unmark(watcher, account);
  }

  /** Takes back those of the reserved watches that were not answered. */
  cancel(watcher: Watcher, accounts: readonly string[]): void {
    for (const account of accounts) if (watcher.watched.get(account) === asked) this.remove(watcher, account);
    this.endIfIdle(watcher);
  }

  /** Ends some watches of a connection, or all of them. */
  unwatch(channelId: string, accounts?: readonly string[]): void {
    const watcher = this.byChannel.get(channelId);
    if (watcher === undefined) return;
    for (const account of accounts ?? watcher.watched.keys()) this.remove(watcher, account);
    this.endIfIdle(watcher);
  }

  /** The connections of a gateway have ended, or will watch again. */
  endGateway(gateway: string): void {
    for (const watcher of this.byChannel.values()) if (watcher.location.gateway === gateway) this.end(watcher);
  }

  /** Ends everything; returns where those are who watched. */
  endAll(): readonly Location[] {
    const locations = Array.from(this.byChannel.values(), ({ location }) => location);
    for (const watcher of this.byChannel.values()) this.end(watcher);
    return locations;
  }

  /** Reports whether an account is watched or watches: whether anything follows from a change of its sessions. */
  concerns(app: string, account: string): boolean {
    const key = accountKey(app, account);
    return this.subjects.has(key) || this.watchersOf.has(key);
  }

  /** Reports whether an account is watched. */
  isWatched(app: string, account: string): boolean {
    return this.subjects.has(accountKey(app, account));
  }

  /** The accounts that are watched or watch, some of them twice. What changes meanwhile may be among them, or not. */
  *everybody(): Generator<{ readonly app: string; readonly account: string }> {
    yield* this.subjects.values();
    yield* this.byChannel.values();
  }

  /**
   * An account has these sessions now, in a minute since 1970. Ends the watches of its connections that are gone.
   * Returns the number of its watchers, if there is news for them.
   */
  located(app: string, account: string, locations: readonly Location[], minute: number): number {
    const key = accountKey(app, account);
    for (const watcher of this.watchersOf.get(key) ?? []) {
      const { channelId } = watcher.location;
      if (!locations.some((location) => location.channelId === channelId)) this.end(watcher);
    }
    const subject = this.subjects.get(key);
    if (subject === undefined || subject.devices === locations.length) return 0;
    this.moved(subject, locations.length, minute);
    return subject.watchers instanceof Set ? subject.watchers.size : 1;
  }

  /** `account` blocks `blocked`, which watches it no longer: for it, it looks as if the account had left now. */
  block(app: string, account: string, blocked: string): void {
    for (const watcher of this.watchersOf.get(accountKey(app, blocked)) ?? []) {
      const told = watcher.watched.get(account);
      if (told === undefined || told === denied) continue;
      this.deny(watcher, account);
      if (told > 0) this.mark(watcher, account);
    }
  }

  /** The connections that may have to be told something. */
  get waiting(): readonly Watcher[] {
    return [...this.behind];
  }

  get isWaiting(): boolean {
    return this.behind.size > 0;
  }

  /** Returns at most `most` states that a watcher has not been told, in a minute since 1970. */
  statesFor(watcher: Watcher, most: number, minute: number): readonly WatchedState[] {
    const states: WatchedState[] = [];
    for (const account of watcher.changed) {
      if (states.length === most) return states;
      const state = this.stateFor(watcher, account, minute);
      if (state === undefined) this.unmark(watcher, account);
      else states.push(state);
    }
    return states;
  }

  /** A watcher was told these states. */
  told(watcher: Watcher, states: readonly WatchedState[]): void {
    for (const { account, devices } of states) {
      if (watcher.watched.get(account) !== denied) watcher.watched.set(account, devices);
      this.unmark(watcher, account);
    }
  }

  /** Undefined: the watcher knows it, or is told it by an answer. */
  private stateFor(watcher: Watcher, account: string, minute: number): WatchedState | undefined {
    const told = watcher.watched.get(account);
    if (told === undefined || told === asked) return undefined;
    if (told === denied) return { account, devices: 0, leftMinute: minute };
    const subject = this.subjects.get(accountKey(watcher.app, account));
    if (subject === undefined || subject.devices === told) return undefined;
    const { devices, leftMinute } = subject;
    return { account, devices, leftMinute: devices > 0 ? 0 : leftMinute || minute };
  }

  private begin(app: string, account: string, location: Location): Watcher {
    const watcher = { app, account, location, watched: new Map(), changed: new Set<string>(), isEnded: false };
    this.byChannel.set(location.channelId, watcher);
    this.watchersOf.getOrInsertComputed(accountKey(app, account), () => new Set()).add(watcher);
    return watcher;
  }

  private end(watcher: Watcher): void {
    for (const account of watcher.watched.keys()) this.remove(watcher, account);
    watcher.isEnded = true;
    this.behind.delete(watcher);
    this.byChannel.delete(watcher.location.channelId);
    const key = accountKey(watcher.app, watcher.account);
    const others = this.watchersOf.get(key);
    others?.delete(watcher);
    if (others?.size === 0) this.watchersOf.delete(key);
  }

  private endIfIdle(watcher: Watcher): void {
    if (watcher.watched.size === 0 && !watcher.isEnded) this.end(watcher);
  }

  private remove(watcher: Watcher, account: string): void {
    if (!watcher.watched.delete(account)) return;
    this.count--;
    this.unmark(watcher, account);
    this.leave(watcher, account);
  }

  /** Takes a watcher out of the reverse index. */
  private leave(watcher: Watcher, account: string): void {
    const key = accountKey(watcher.app, account);
    const subject = this.subjects.get(key);
    if (subject === undefined) return;
    removeWatcher(subject, watcher);
    if (subject.watchers === undefined) this.subjects.delete(key);
  }

  private subjectOf(app: string, account: string): Subject {
    return this.subjects.getOrInsertComputed(accountKey(app, account), () => ({
      app,
      account,
      devices: 0,
      leftMinute: 0,
      watchers: undefined,
    }));
  }

  private moved(subject: Subject, devices: number, minute: number): void {
    if (devices === 0) subject.leftMinute = minute;
    subject.devices = devices;
    const { watchers } = subject;
    if (watchers instanceof Set) for (const watcher of watchers) this.mark(watcher, subject.account);
    else if (watchers !== undefined) this.mark(watchers, subject.account);
  }

  private mark(watcher: Watcher, account: string): void {
    watcher.changed.add(account);
    this.behind.add(watcher);
  }

  private unmark(watcher: Watcher, account: string): void {
    watcher.changed.delete(account);
    if (watcher.changed.size === 0) this.behind.delete(watcher);
  }
}

function addWatcher(subject: Subject, watcher: Watcher): void {
  const { watchers } = subject;
  if (watchers === undefined) subject.watchers = watcher;
  else if (watchers instanceof Set) watchers.add(watcher);
  else if (watchers !== watcher) subject.watchers = new Set([watchers, watcher]);
}

function removeWatcher(subject: Subject, watcher: Watcher): void {
  const { watchers } = subject;
  if (watchers === watcher) subject.watchers = undefined;
  else if (watchers instanceof Set && watchers.delete(watcher) && watchers.size === 0) subject.watchers = undefined;
}
