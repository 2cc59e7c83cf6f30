// Tells watchers of changes of presence: once a second, what has changed since, so that each account is told at most
// once a second, and one that came and went within that second is not told at all.
//
// A push that finds no room on a gateway's link is not sent: its watcher stays behind, and is told what is true by then
// a second later. Engines of sessions report changes by themselves within half a second, so nothing is read for that;
// accounts that changed, and that somebody watches or that watch, are read once a second together.
//
// Memory: each account that somebody watches, or that watches, at most once. No timer runs while nothing has changed.

import { create, toBinary } from "@bufbuild/protobuf";
import { turnCostMax, watchAccountsMax } from "../../../base/limits/fixed.ts";
import type { Time } from "../../../base/runtime.ts";
import type { ServiceMetrics } from "../../../observe/metrics.ts";
import { type Dispatcher, type PushHead, writeCost } from "../../../service/dispatcher.ts";
import { refusalOf } from "../../../service/refusal.ts";
import type { Sessions } from "../../../session/sessions.ts";
import { Command } from "../../../wire/commands.ts";
import { PresenceStatesSchema } from "../../../wire/gen/pkt_pb.ts";
import type { WatchedState, Watcher, Watches } from "./watches.ts";
import { minuteOf } from "./seen.ts";

const pauseMs = 1_000;
/** Accounts of one look into the sessions. */
const lookAccountsMax = 1_000;
/** Watchers to whom something is noted in one turn of the event loop; a look at an account costs as much as some. */
const turnMarksMax = 8_192;
const lookCost = 8;
const head: PushHead = { command: Command.PresenceChanged, channelId: "", sequence: 0, dest: "" };
const secondsPerMinute = 60n;

/** Accounts by app. */
type Dirty = Map<string, Set<string>>;

interface Named {
  readonly app: string;
  readonly account: string;
}

interface Parts extends Time {
  readonly watches: Watches;
  readonly sessions: Pick<Sessions, "locate" | "watchPresence">;
  readonly dispatcher: Pick<Dispatcher, "offer">;
  readonly metrics: Pick<ServiceMetrics, "bug">;
  /** Whether so much waits for clients that presence waits, too. */
  readonly isPressed: () => boolean;
  /** An account went offline. */
  readonly left: (app: string, account: string) => void;
}

export class PresencePushes {
  private readonly parts: Parts;
  /** The accounts whose sessions have changed. */
  private dirty: Dirty = new Map();
  /** All accounts may have changed. */
  private isReset = false;
  private isArmed = false;
  private isWorking = false;
  private isStopped = false;
  private readonly endWatch: () => void;
  /** Moves with each change of which it is told. */
  changes = 0;

  constructor(parts: Parts) {
    this.parts = parts;
    const changed = (app: string, account: string): void => {
      this.changes++;
      this.look(app, account);
    };
    this.endWatch = parts.sessions.watchPresence({
      online: changed,
      moved: changed,
      offline: (app, account) => {
        parts.left(app, account);
        changed(app, account);
      },
      reset: () => this.reset(),
    });
  }

  /** The sessions of an account are to be read again. */
  look(app: string, account: string): void {
    if (!this.parts.watches.concerns(app, account)) return;
    this.dirty.getOrInsertComputed(app, () => new Set()).add(account);
    this.arm();
  }

  /** Something may wait for a watcher that no change of sessions has caused. */
  arm(): void {
    if (this.isArmed || this.isWorking || this.isStopped) return;
    this.isArmed = true;
    this.parts.timers.after(pauseMs, () => {
      this.isArmed = false;
      void this.work();
    });
  }

  /** Tells nothing any more. */
  stop(): void {
    this.isStopped = true;
    this.endWatch();
    this.dirty.clear();
  }

  private reset(): void {
    this.changes++;
    this.isReset = true;
    this.arm();
  }

  /** Never rejects. */
  private async work(): Promise<void> {
    this.isWorking = true;
    try {
      await this.locateAll();
      await this.tell();
    } catch (error) {
      // The engine itself says that it is away.
      if (refusalOf(error) === undefined) this.parts.metrics.bug(error, "request", { command: head.command });
    } finally {
      this.isWorking = false;
    }
    if (this.dirty.size > 0 || this.isReset || this.parts.watches.isWaiting) this.arm();
  }

  /** Reads the sessions of the accounts that changed. What cannot be read is read a second later. */
  private async locateAll(): Promise<void> {
    const { watches, sessions, clock } = this.parts;
    let spent = 0;
    for (const { app, accounts } of this.takeDirty()) {
      const located = await sessions.locate(app, accounts);
      for (const [at, account] of accounts.entries()) {
        // What changed since it was read is read again: the answer may not know of a connection that watches already.
        if (this.dirty.get(app)?.has(account) === true) continue;
        spent += lookCost + watches.located(app, account, located[at] ?? [], minuteOf(clock));
        if (spent < turnMarksMax) continue;
        await this.turn();
        spent = 0;
      }
    }
  }

  /** Takes what is to be read, in slices of an app. What of it is not read when the caller leaves stays. */
  private *takeDirty(): Generator<{ readonly app: string; readonly accounts: readonly string[] }> {
    const left = this.isReset ? undefined : this.dirty;
    this.dirty = new Map();
    this.isReset = false;
    const slices = slicesOf(left === undefined ? this.parts.watches.everybody() : accountsOf(left));
    let isComplete = false;
    try {
      for (const slice of slices) {
        yield slice;
        if (left !== undefined) for (const account of slice.accounts) left.get(slice.app)?.delete(account);
      }
      isComplete = true;
    } finally {
      if (!isComplete) this.putBack(left);
    }
  }

  private putBack(left: Dirty | undefined): void {
    if (left === undefined) this.isReset = true;
    else
      for (const { app, account } of accountsOf(left))
        this.dirty.getOrInsertComputed(app, () => new Set()).add(account);
  }

  private async tell(): Promise<void> {
    const { watches, isPressed } = this.parts;
    const encoder = new StateEncoder();
    let spent = 0;
    for (const watcher of watches.waiting) {
      // They stay behind, and are told a second later.
      if (isPressed()) return;
      if (!watcher.isEnded) spent += this.tellOne(watcher, encoder);
      if (spent < turnCostMax) continue;
      await this.turn();
      spent = 0;
    }
  }

  /** Returns the cost. */
  private tellOne(watcher: Watcher, encoder: StateEncoder): number {
    const { watches, dispatcher, clock } = this.parts;
    const minute = minuteOf(clock);
    for (let cost = 0; ;) {
      const states = watches.statesFor(watcher, watchAccountsMax, minute);
      if (states.length === 0) return cost;
      cost += writeCost + states.length;
      if (!dispatcher.offer(head, () => encoder.encode(states), watcher.location)) return cost;
      watches.told(watcher, states);
    }
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => this.parts.timers.soon(resolve));
  }
}

function* accountsOf(dirty: Dirty): Generator<Named> {
  for (const [app, accounts] of dirty) for (const account of accounts) yield { app, account };
}

/** Collects accounts into slices of one app, each of at most `lookAccountsMax`. */
function* slicesOf(all: Iterable<Named>): Generator<{ readonly app: string; readonly accounts: readonly string[] }> {
  const slices = new Map<string, string[]>();
  for (const { app, account } of all) {
    const accounts = slices.getOrInsertComputed(app, () => []);
    accounts.push(account);
    if (accounts.length < lookAccountsMax) continue;
    slices.delete(app);
    yield { app, accounts };
  }
  for (const [app, accounts] of slices) yield { app, accounts };
}

/**
 * Encodes states for many watchers, each state once: PresenceStates that are joined are one PresenceStates with the
 * states of all (protobuf.dev/programming-guides/encoding/#last-one-wins).
 */
class StateEncoder {
  private readonly encoded = new Map<string, Uint8Array>();

  encode(states: readonly WatchedState[]): Uint8Array {
    return Buffer.concat(states.map((state) => this.one(state)));
  }

  private one({ account, devices, leftMinute }: WatchedState): Uint8Array {
    return this.encoded.getOrInsertComputed(`${devices},${leftMinute},${account}`, () => {
      const lastSeen = BigInt(leftMinute) * secondsPerMinute;
      return toBinary(PresenceStatesSchema, create(PresenceStatesSchema, { states: [{ account, devices, lastSeen }] }));
    });
  }
}
