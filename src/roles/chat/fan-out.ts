// Delivers to groups in slices: a delivery to thousands of members takes several turns of the event loop, and other
// work runs in between. Each member gets the deliveries of a group in the order in which they were added. Senders take
// turns: a hundred deliveries of one sender do not delay the single delivery of another.
//
// Looking members up and writing to them costs the most, so all pending deliveries of a group share it: a round serves
// the members slice by slice, and each member gets all deliveries of the round at once. A delivery that is added during
// a round joins at the next slice and is complete when the round reaches that slice again: a busy group costs no more
// slices than a quiet one. A delivery that finds nothing pending leaves in the same turn, within the turn's budget.
//
// A stored message must be pushed, so the caller bounds what is pending: it checks `hasRoom` before it stores.

import type { Timers } from "../../base/timers.ts";
import { turnCostMax } from "../../base/limits/fixed.ts";
import { accountKey } from "../../base/account-key.ts";
import {
  deliveryCost,
  type Dispatcher,
  type Located,
  othersIn,
  type PushHead,
  type PushScope,
  writeCost,
} from "../../service/dispatcher.ts";
import type { Sessions } from "../../session/sessions.ts";

/** The accounts of one slice. */
const sliceAccountsMax = 256;
const sliceAccountsMin = 8;
/** The deliveries of one round. */
const roundDeliveriesMax = 128;

/** A message or notice for the members of a group. */
export interface Delivery {
  readonly app: string;
  /** `dest` is the group. */
  readonly head: PushHead;
  /** Whom it is charged to; '' for nobody: what back ends cause takes its turns together. */
  readonly payer: string;
  /**
   * Consecutive deliveries of one group with the same audience go to the same accounts; undefined is equal to no other.
   */
  readonly audience: bigint | undefined;
  /** About the length of the body, which is held while the delivery is pending. */
  readonly bytes: number;
  /** Encodes the body; called for each slice, and read before the next call. */
  body(): Uint8Array;
  /** Which connections get it; absent: all. */
  readonly scope?: PushScope;
  /** How much of the body that was encoded last connections without `conversations` get; absent: all of it. */
  readonly plainBytes?: number;
  /** Returns the recipients. Throws or rejects like the store and the sessions. */
  accounts(): readonly string[] | Promise<readonly string[]>;
  /** Called at the end. `cost`: what was pushed, as `deliveryCost` counts it. */
  done(cost: number): void;
  /** Called before `done` if the remaining accounts are not served. */
  failed(error: unknown): void;
}

/** A delivery in a round. */
interface Active {
  readonly delivery: Delivery;
  /** The cost so far. */
  cost: number;
  /** The accounts that it has not reached. */
  left: number;
}

/**
 * Deliveries with the same audience, which pass over its accounts together. They are in the order in which they were
 * added: a later one has reached at most the accounts of an earlier one.
 */
class Round {
  readonly active: Active[];
  /** The sessions of the next slice; undefined until they are known. */
  located: Located | undefined;
  /** The lookup in progress. */
  pending: Promise<void> | undefined;
  failure: { readonly error: unknown } | undefined;
  /** The recipients; undefined until they are known. */
  private accounts: readonly string[] | undefined;
  /** The slice: the index of its first account, and its length. */
  private at = 0;
  private sliced = 0;
  private readonly audience: bigint | undefined;
  private readonly waiting: Delivery[];
  private readonly sessions: Pick<Sessions, "locate">;

  /** Begins with `first`, and lets deliveries of `waiting` join. Starts the lookup of the first slice. */
  constructor(first: Delivery, waiting: Delivery[], sessions: Pick<Sessions, "locate">) {
    this.active = [{ delivery: first, cost: 0, left: 0 }];
    this.audience = first.audience;
    this.waiting = waiting;
    this.sessions = sessions;
    this.look(() => {
      const accounts = first.accounts();
      if (accounts instanceof Promise) return accounts.then((found) => this.begin(found));
      return this.begin(accounts);
    });
  }

  get isOver(): boolean {
    const { failure, accounts, active } = this;
    return failure !== undefined || accounts?.length === 0 || (accounts !== undefined && active.length === 0);
  }

  /** Ends a slice and looks up the next one. Returns the deliveries that are complete. */
  advance(): Active[] {
    const { active, sliced, accounts = [] } = this;
    this.located = undefined;
    this.at = (this.at + sliced) % accounts.length;
    for (const each of active) each.left -= sliced;
    const next = active.findIndex(({ left }) => left > 0);
    const complete = active.splice(0, next === -1 ? active.length : next);
    this.join();
    if (!this.isOver) this.look(() => this.locate());
    return complete;
  }

  private begin(accounts: readonly string[]): void | Promise<void> {
    this.accounts = accounts;
    const [first] = this.active;
    if (first === undefined) return undefined;
    first.left = accounts.length;
    if (accounts.length === 0) return undefined;
    this.join();
    return this.locate();
  }

  /** Lets waiting deliveries with the same audience join. */
  private join(): void {
    const { active, waiting, audience, accounts = [] } = this;
    if (audience === undefined) return;
    let count = 0;
    while (active.length + count < roundDeliveriesMax && waiting[count]?.audience === audience) count++;
    for (const delivery of waiting.splice(0, count)) active.push({ delivery, cost: 0, left: accounts.length });
  }

  private locate(): void | Promise<void> {
    const { accounts = [], at, active } = this;
    let each = writeCost;
    for (const { delivery } of active) each += deliveryCost(1, delivery.bytes);
    const share = Math.min(sliceAccountsMax, Math.max(sliceAccountsMin, Math.ceil(turnCostMax / each)));
    // Up to the slice in which the first delivery joined, and not beyond the last account.
    this.sliced = Math.min(share, active[0]?.left ?? 0, accounts.length - at);
    const slice = accounts.length === this.sliced ? accounts : accounts.slice(at, at + this.sliced);
    const located = this.sessions.locate(active[0]?.delivery.app ?? "", slice);
    if (!(located instanceof Promise)) this.located = located;
    else return located.then((found) => void (this.located = found));
  }

  private look(up: () => void | Promise<void>): void {
    try {
      this.pending = up()?.then(
        () => void (this.pending = undefined),
        (error: unknown) => {
          this.pending = undefined;
          this.failure = { error };
        },
      );
    } catch (error) {
      this.failure = { error };
    }
  }
}

/** The pending deliveries of one group, in order. */
interface GroupQueue {
  readonly key: string;
  readonly waiting: Delivery[];
  round: Round | undefined;
}

/** The queues whose first delivery is of one sender. */
interface Sender {
  readonly key: string;
  readonly queues: GroupQueue[];
}

export class FanOut {
  private readonly dispatcher: Pick<Dispatcher, "push">;
  private readonly sessions: Pick<Sessions, "locate">;
  private readonly soon: Timers["soon"];
  private readonly bytesMax: number;
  private readonly queues = new Map<string, GroupQueue>();
  private readonly senders = new Map<string, Sender>();
  /** The senders with a queue that can continue, in the order of their turns. */
  private readonly turns: Sender[] = [];
  private waitingBytes = 0;
  /** The cost in this turn of the event loop. */
  private spent = 0;
  private isStarting = false;
  private isArmed = false;
  private idle: (() => void)[] = [];

  /** `soon` runs an action at the end of this turn of the event loop. `bytesMax` bounds the pending bytes. */
  constructor(parts: {
    readonly dispatcher: Pick<Dispatcher, "push">;
    readonly sessions: Pick<Sessions, "locate">;
    readonly bytesMax: number;
    readonly soon: Timers["soon"];
  }) {
    this.dispatcher = parts.dispatcher;
    this.sessions = parts.sessions;
    this.bytesMax = parts.bytesMax;
    this.soon = parts.soon;
  }

  /** Whether the pending bytes are below the bound; otherwise nothing may be stored that has to be delivered. */
  get hasRoom(): boolean {
    return this.waitingBytes < this.bytesMax;
  }

  /** The pending bytes. */
  get bytes(): number {
    return this.waitingBytes;
  }

  /** Adds a delivery, which follows the earlier ones of its group. */
  add(delivery: Delivery): void {
    const { app, head, bytes } = delivery;
    this.waitingBytes += bytes;
    const key = accountKey(app, head.dest);
    const queue = this.queues.get(key);
    if (queue !== undefined) {
      queue.waiting.push(delivery);
      return;
    }
    const fresh: GroupQueue = { key, waiting: [delivery], round: undefined };
    this.queues.set(key, fresh);
    this.resume(fresh);
    if (this.isStarting) return;
    this.isStarting = true;
    // The deliveries of one commit are added in a row, and make one round.
    queueMicrotask(this.start);
  }

  /** Resolves when nothing is pending. */
  settled(): Promise<void> {
    if (this.queues.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private readonly start = (): void => {
    this.isStarting = false;
    this.work();
  };

  private readonly turn = (): void => {
    this.isArmed = false;
    this.spent = 0;
    this.work();
  };

  /** Serves the senders in turn until this turn's budget is spent. */
  private work(): void {
    while (this.spent < turnCostMax) {
      const sender = this.turns.shift();
      if (sender === undefined) break;
      const queue = sender.queues.shift();
      if (sender.queues.length > 0) this.turns.push(sender);
      else this.senders.delete(sender.key);
      if (queue !== undefined) this.step(queue);
    }
    // The next turn has a budget of its own.
    if ((this.turns.length > 0 || this.spent > 0) && !this.isArmed) {
      this.isArmed = true;
      this.soon(this.turn);
    }
    if (this.queues.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** Serves one slice of a queue's round. */
  private step(queue: GroupQueue): void {
    const round = (queue.round ??= this.nextRound(queue));
    if (round === undefined) {
      this.queues.delete(queue.key);
      return;
    }
    if (round.pending !== undefined) {
      void round.pending.then(() => {
        this.resume(queue);
        this.work();
      });
      return;
    }
    if (!round.isOver) this.serve(round);
    if (round.isOver) {
      this.end(round.active, round.failure);
      queue.round = undefined;
    }
    this.resume(queue);
  }

  private nextRound({ waiting }: GroupQueue): Round | undefined {
    const first = waiting.shift();
    return first && new Round(first, waiting, this.sessions);
  }

  private serve(round: Round): void {
    const { active, located = [] } = round;
    this.spent += located.length * writeCost;
    try {
      for (const each of active) {
        const { head, bytes, scope } = each.delivery;
        const others = othersIn(located, head.channelId, scope);
        // Nothing is encoded if everybody is offline.
        if (others > 0) {
          const body = each.delivery.body();
          const plainBytes = scope === "conversations" ? 0 : each.delivery.plainBytes;
          this.dispatcher.push(head, body, located, head.channelId, plainBytes);
        }
        const cost = deliveryCost(others, bytes);
        each.cost += cost;
        this.spent += cost;
      }
      this.end(round.advance(), undefined);
    } catch (bug) {
      round.failure = { error: bug };
    }
  }

  private end(active: readonly Active[], failure: Round["failure"]): void {
    for (const { delivery, cost } of active) {
      this.waitingBytes -= delivery.bytes;
      if (failure !== undefined) delivery.failed(failure.error);
      delivery.done(cost);
    }
  }

  /** Gives a queue that can continue to the sender of its first delivery. */
  private resume(queue: GroupQueue): void {
    const first = queue.round?.active[0]?.delivery ?? queue.waiting[0];
    if (first === undefined) {
      this.queues.delete(queue.key);
      return;
    }
    const key = accountKey(first.app, first.payer);
    const sender = this.senders.get(key);
    if (sender !== undefined) {
      sender.queues.push(queue);
      return;
    }
    const fresh: Sender = { key, queues: [queue] };
    this.senders.set(key, fresh);
    this.turns.push(fresh);
  }
}
