// Who is online: what views watch, watched by one connection together. What the server has and what views want are
// compared after each change of either: requests follow one another, those that end watches first.

import { watchAccountsMax } from "../../base/limits/fixed.ts";
import { Command } from "../../wire/commands.ts";
import { PresenceReq } from "../../wire/gen/messages/presence-req.ts";
import { PresenceStates } from "../../wire/gen/messages/presence-states.ts";
import { decodeMessage } from "../../wire/message-codec.ts";
import { emptyMessage } from "../../wire/message-type.ts";
import { Disconnected, errorOf } from "../client-errors.ts";
import { Emitter } from "../emitter.ts";
import { OnceATurn } from "../once-a-turn.ts";
import { Outcome } from "../outcome.ts";
import { backOff } from "../repeat.ts";
import type { CommunityOwner } from "./community-owner.ts";
import type { Presence, Watch } from "./community-types.ts";
import { dateOf, isFinal, isWrong } from "./wire-values.ts";

/** What a server with its initial limits watches for a connection. */
const watchedMax = 1_000;

/** At most 1,000 accounts together; what several watches have counts once. */
export class PresenceWatcher {
  private readonly owner: CommunityOwner;
  private readonly notes: OnceATurn<string>;
  /** The watches of each account. */
  private readonly wanted = new Map<string, Set<LiveWatch>>();
  private readonly states = new Map<string, Presence>();
  /** What the server watches for this connection. */
  private readonly held = new Set<string>();
  /** Of these it has told, since the sign-in and the last hint. */
  private readonly told = new Set<string>();
  /** What it refuses to watch, until the next sign-in, or until another watch has ended. */
  private readonly refused = new Map<string, Error>();
  private isOnline = false;
  private isRunning = false;
  /** The server has refused to watch for now: it is asked again after a pause, in which watches can end. */
  private isPausing = false;
  /** How often it has, one time after the other. */
  private tries = 0;
  /** Why nothing will be told any more. */
  private ending: Error | undefined;

  constructor(owner: CommunityOwner) {
    this.owner = owner;
    this.notes = new OnceATurn(owner.environment, (accounts) => this.tell(accounts));
  }

  /**
   * Watches accounts until it is closed. Those of one turn go out together, and again after each sign-in.
   * @throws RangeError if more than 1,000 accounts were watched then
   */
  watch(accounts: Iterable<string>): Watch {
    const names = [...new Set(accounts)];
    const size = this.wanted.size + names.filter((name) => !this.wanted.has(name)).length;
    if (size > watchedMax) {
      throw new RangeError(
        `${size} accounts are to be watched, ${watchedMax} can be: close watches that no view shows`,
      );
    }
    const watch = new LiveWatch(names, this.states, () => this.progress(names), this.ended);
    for (const name of names) {
      const watches = this.wanted.get(name) ?? new Set();
      this.wanted.set(name, watches.add(watch));
    }
    this.later();
    return watch;
  }

  /** What is known of a watched account. */
  of(account: string): Presence | undefined {
    return this.states.get(account);
  }

  /** Signed in: the server knows of no watch. */
  online(): void {
    this.offline();
    this.isOnline = true;
    this.later();
  }

  /** `ending`: for good. */
  offline(ending?: Error): void {
    this.isOnline = false;
    for (const names of [this.held, this.told, this.refused]) names.clear();
    if (ending === undefined) return;
    this.ending = ending;
    this.settle(this.wanted.keys());
  }

  /** The server may have ended watches, and not told of changes. */
  hinted(): void {
    this.told.clear();
    this.later();
  }

  /** Watched accounts came or went. */
  pushed(body: Uint8Array): void {
    const push = decodeMessage(PresenceStates, body);
    if (push !== undefined) this.learn(push);
  }

  private readonly ended = (watch: LiveWatch): void => {
    for (const name of watch.accounts) {
      const watches = this.wanted.get(name);
      watches?.delete(watch);
      if (watches?.size !== 0) continue;
      // There will be room for others.
      if (this.held.has(name)) this.refused.clear();
      this.wanted.delete(name);
      this.states.delete(name);
      this.told.delete(name);
      this.refused.delete(name);
    }
    this.later();
  };

  /** Whether all of these were told, or why one of them will not be; undefined: not yet. */
  private progress(names: readonly string[]): true | Error | undefined {
    for (const name of names) {
      const error = this.ending ?? this.refused.get(name);
      if (error !== undefined) return error;
      if (!this.told.has(name)) return undefined;
    }
    return true;
  }

  private later(): void {
    if (!this.isOnline || this.isRunning) return;
    this.isRunning = true;
    this.owner.environment.after(0, () => void this.run());
  }

  private async run(): Promise<void> {
    for (;;) {
      const gone = first(this.held, (name) => !this.wanted.has(name));
      const isFresh = (name: string): boolean => !this.isPausing && !this.told.has(name) && !this.refused.has(name);
      const fresh = first(this.wanted.keys(), isFresh);
      if (!this.isOnline || gone.length + fresh.length === 0) break;
      await (gone.length > 0 ? this.unwatch(gone) : this.ask(fresh));
    }
    this.isRunning = false;
  }

  private async unwatch(accounts: readonly string[]): Promise<void> {
    for (const name of accounts) this.held.delete(name);
    await this.owner
      .patientAsk(Command.PresenceUnwatch, PresenceReq, { accounts }, emptyMessage)
      .catch(() => undefined);
  }

  private async ask(accounts: readonly string[]): Promise<void> {
    try {
      const answer = await this.owner.ask(Command.PresenceWatch, PresenceReq, { accounts }, PresenceStates);
      this.tries = 0;
      for (const name of accounts) {
        this.held.add(name);
        if (this.wanted.has(name)) this.told.add(name);
      }
      this.learn(answer);
    } catch (cause) {
      // The next sign-in asks.
      if (cause instanceof Disconnected) return;
      if (!isFinal(cause)) return void this.pause();
      if (isWrong(cause) && accounts.length > 1) {
        const half = accounts.length >> 1;
        await this.ask(accounts.slice(0, half));
        await this.ask(accounts.slice(half));
        return;
      }
      for (const name of accounts) this.refused.set(name, errorOf(cause));
    }
    this.settle(accounts);
  }

  private async pause(): Promise<void> {
    if (this.isPausing) return;
    this.isPausing = true;
    await backOff(this.owner.environment, this.tries++);
    this.isPausing = false;
    this.later();
  }

  private learn({ states }: PresenceStates): void {
    for (const { account, devices, lastSeen: seconds } of states) {
      const known = this.states.get(account);
      const lastSeen = dateOf(seconds);
      if (!this.wanted.has(account)) continue;
      if (known?.devices === devices && known.lastSeen?.getTime() === lastSeen?.getTime()) continue;
      this.states.set(account, { isOnline: devices > 0, devices, lastSeen });
      for (const watch of this.wanted.get(account) ?? []) watch.changed();
      this.notes.add(account);
    }
  }

  private settle(accounts: Iterable<string>): void {
    for (const watch of this.watchesOf(accounts)) watch.settle();
  }

  private tell(accounts: ReadonlySet<string>): void {
    for (const watch of this.watchesOf(accounts)) watch.tell();
    void this.owner.notices.emit("presenceChanged", { accounts });
  }

  private watchesOf(accounts: Iterable<string>): ReadonlySet<LiveWatch> {
    return new Set([...accounts].flatMap((name) => [...(this.wanted.get(name) ?? [])]));
  }
}

class LiveWatch implements Watch {
  readonly accounts: readonly string[];
  private readonly all: ReadonlyMap<string, Presence>;
  private readonly progress: () => true | Error | undefined;
  private readonly ended: (watch: LiveWatch) => void;
  private readonly notices = new Emitter<{ change: void }>();
  private readonly outcome = new Outcome();
  private cached: ReadonlyMap<string, Presence> | undefined;
  private isClosed = false;

  constructor(
    accounts: readonly string[],
    all: ReadonlyMap<string, Presence>,
    progress: () => true | Error | undefined,
    ended: (watch: LiveWatch) => void,
  ) {
    this.accounts = accounts;
    this.all = all;
    this.progress = progress;
    this.ended = ended;
  }

  get states(): ReadonlyMap<string, Presence> {
    if (this.cached === undefined) {
      const known = this.accounts.map((name): [string, Presence | undefined] => [name, this.all.get(name)]);
      this.cached = new Map(known.filter((entry): entry is [string, Presence] => entry[1] !== undefined));
    }
    return this.cached;
  }

  ready(): Promise<void> {
    const outcome = this.outcome.next();
    this.settle();
    return outcome;
  }

  onChange(handler: () => void): () => void {
    return this.notices.on("change", handler);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.ended(this);
    this.settle();
  }

  /** Something may have been told, or refused. */
  settle(): void {
    const progress = this.isClosed || this.progress();
    if (progress !== undefined) this.outcome.settle(progress === true ? undefined : progress);
  }

  changed(): void {
    this.cached = undefined;
  }

  tell(): void {
    if (!this.isClosed) void this.notices.emit("change", undefined);
  }
}

/** The first of them for a request. */
function first(names: Iterable<string>, isWanted: (name: string) => boolean): readonly string[] {
  const found: string[] = [];
  for (const name of names) {
    if (found.length === watchAccountsMax) break;
    if (isWanted(name)) found.push(name);
  }
  return found;
}
