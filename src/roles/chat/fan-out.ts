// Deliveries to groups, in slices: one to thousands takes several turns of the event loop, and what others do goes in
// between. The deliveries of a group reach each of its members in the order in which they were added; senders take
// turns, so that one who has a hundred of them waiting does not keep another's one.
//
// What is on its way to one group is delivered together: it goes round the members, slice by slice, and each member
// gets all of it at once, looked up and written to once, which is what deliveries cost most. A delivery that is added
// meanwhile gets on at the next slice and off when it is there again, so that a group in which many talk costs no more
// in slices than without. A delivery that comes while nothing waits leaves in this turn, as far as this turn's share
// lasts. What waits is bounded by whoever adds (`hasRoom`), because a talk that was stored is pushed.

import type { Timers } from "../../base/timers.ts";
import { turnCostMax } from "../../base/limits/fixed.ts";
import { accountKey } from "../../base/account-key.ts";
import {
  deliveryCost,
  type Dispatcher,
  type Located,
  othersIn,
  type PushHead,
  writeCost,
} from "../../service/dispatcher.ts";
import type { Sessions } from "../../session/sessions.ts";

/** Accounts that are served in one step. */
const sliceAccountsMax = 256;
const sliceAccountsMin = 8;
/** Deliveries that go round together. */
const roundDeliveriesMax = 128;

/** Something to be delivered to the members of a group. */
export interface Delivery {
  readonly app: string;
  /** `dest` is the group. */
  readonly head: PushHead;
  /** The account that caused it. */
  readonly sender: string;
  /**
   * Deliveries of one group that follow each other and have the same audience go to the same accounts; undefined: to
   * its own.
   */
  readonly audience: bigint | undefined;
  /** Of its body, about; it holds as much while it waits. */
  readonly bytes: number;
  /** The body, encoded anew for each slice: it is read before the next call. */
  body(): Uint8Array;
  /** The accounts that get it. Rejects or throws as the store and the sessions do. */
  accounts(): readonly string[] | Promise<readonly string[]>;
  /** It has been pushed to all of them. `cost`: in deliveries, as `deliveryCost` counts them. */
  done(cost: number): void;
  /** What is left of it will not be pushed; `done` follows. */
  failed(error: unknown): void;
}

/** A delivery that goes round. */
interface Riding {
  readonly delivery: Delivery;
  /** So far. */
  cost: number;
  /** The accounts that have not got it. */
  left: number;
}

/**
 * Deliveries with one audience on their way round its accounts. They are in the order in which they were added, and
 * each of them has got as far as those before it, or less far.
 */
class Round {
  readonly riding: Riding[];
  /** Of the slice that is next; undefined until it was looked up. */
  located: Located | undefined;
  /** The look-up under way. */
  pending: Promise<void> | undefined;
  failure: { readonly error: unknown } | undefined;
  /** To whom; undefined until that is known. */
  private accounts: readonly string[] | undefined;
  /** The slice: its first account, and how many it has. */
  private at = 0;
  private sliced = 0;
  private readonly audience: bigint | undefined;
  private readonly waiting: Delivery[];
  private readonly sessions: Pick<Sessions, "locate">;

  /** Takes the first of those that wait, and those after it as they fit; looks for the first accounts at once. */
  constructor(first: Delivery, waiting: Delivery[], sessions: Pick<Sessions, "locate">) {
    this.riding = [{ delivery: first, cost: 0, left: 0 }];
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
    const { failure, accounts, riding } = this;
    return failure !== undefined || accounts?.length === 0 || (accounts !== undefined && riding.length === 0);
  }

  /** The slice has been served: looks the next one up. Returns those that are there. */
  advance(): Riding[] {
    const { riding, sliced, accounts = [] } = this;
    this.located = undefined;
    this.at = (this.at + sliced) % accounts.length;
    for (const each of riding) each.left -= sliced;
    const next = riding.findIndex(({ left }) => left > 0);
    const there = riding.splice(0, next === -1 ? riding.length : next);
    this.takeIn();
    if (!this.isOver) this.look(() => this.locate());
    return there;
  }

  private begin(accounts: readonly string[]): void | Promise<void> {
    this.accounts = accounts;
    const [first] = this.riding;
    if (first === undefined) return undefined;
    first.left = accounts.length;
    if (accounts.length === 0) return undefined;
    this.takeIn();
    return this.locate();
  }

  /** Takes in what waits for the same accounts. */
  private takeIn(): void {
    const { riding, waiting, audience, accounts = [] } = this;
    if (audience === undefined) return;
    let count = 0;
    while (riding.length + count < roundDeliveriesMax && waiting[count]?.audience === audience) count++;
    for (const delivery of waiting.splice(0, count)) riding.push({ delivery, cost: 0, left: accounts.length });
  }

  private locate(): void | Promise<void> {
    const { accounts = [], at, riding } = this;
    let each = writeCost;
    for (const { delivery } of riding) each += deliveryCost(1, delivery.bytes);
    const share = Math.min(sliceAccountsMax, Math.max(sliceAccountsMin, Math.ceil(turnCostMax / each)));
    // Up to where the first one got on, and not over the end.
    this.sliced = Math.min(share, riding[0]?.left ?? 0, accounts.length - at);
    const slice = accounts.length === this.sliced ? accounts : accounts.slice(at, at + this.sliced);
    const located = this.sessions.locate(riding[0]?.delivery.app ?? "", slice);
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

/** The deliveries of one group, in order. */
interface Line {
  readonly key: string;
  readonly waiting: Delivery[];
  round: Round | undefined;
}

/** The lines that are at a sender's delivery. */
interface Sender {
  readonly key: string;
  readonly lines: Line[];
}

export class FanOut {
  private readonly dispatcher: Pick<Dispatcher, "push">;
  private readonly sessions: Pick<Sessions, "locate">;
  private readonly soon: Timers["soon"];
  private readonly bytesMax: number;
  private readonly lines = new Map<string, Line>();
  private readonly senders = new Map<string, Sender>();
  /** Those with a line that can go on, in the order of their turns. */
  private readonly turns: Sender[] = [];
  private waitingBytes = 0;
  /** In this turn of the event loop. */
  private spent = 0;
  private isStarting = false;
  private isArmed = false;
  private idle: (() => void)[] = [];

  /** `soon` runs an action at the end of this turn of the event loop. `bytesMax` bounds what waits. */
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

  /** False while too much waits: then nothing shall be stored that is to be added. */
  get hasRoom(): boolean {
    return this.waitingBytes < this.bytesMax;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.waitingBytes;
  }

  /** Delivers this after what was added for its group before. */
  add(delivery: Delivery): void {
    const { app, head, bytes } = delivery;
    this.waitingBytes += bytes;
    const key = accountKey(app, head.dest);
    const line = this.lines.get(key);
    if (line !== undefined) {
      line.waiting.push(delivery);
      return;
    }
    const fresh: Line = { key, waiting: [delivery], round: undefined };
    this.lines.set(key, fresh);
    this.resume(fresh);
    if (this.isStarting) return;
    this.isStarting = true;
    // What a commit has stored is added in one go: it makes one round.
    queueMicrotask(this.start);
  }

  /** Resolves when nothing waits. */
  settled(): Promise<void> {
    if (this.lines.size === 0) return Promise.resolve();
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

  /** Serves senders in turn, until this turn's share is spent. */
  private work(): void {
    while (this.spent < turnCostMax) {
      const sender = this.turns.shift();
      if (sender === undefined) break;
      const line = sender.lines.shift();
      if (sender.lines.length > 0) this.turns.push(sender);
      else this.senders.delete(sender.key);
      if (line !== undefined) this.step(line);
    }
    // The next turn has a share of its own, in which what is left goes on.
    if ((this.turns.length > 0 || this.spent > 0) && !this.isArmed) {
      this.isArmed = true;
      this.soon(this.turn);
    }
    if (this.lines.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** One slice of a line's round. */
  private step(line: Line): void {
    const round = (line.round ??= this.nextRound(line));
    if (round === undefined) {
      this.lines.delete(line.key);
      return;
    }
    if (round.pending !== undefined) {
      // The line comes back when that is known.
      void round.pending.then(() => {
        this.resume(line);
        this.work();
      });
      return;
    }
    if (!round.isOver) this.serve(round);
    if (round.isOver) {
      this.end(round.riding, round.failure);
      line.round = undefined;
    }
    this.resume(line);
  }

  private nextRound({ waiting }: Line): Round | undefined {
    const first = waiting.shift();
    return first && new Round(first, waiting, this.sessions);
  }

  private serve(round: Round): void {
    const { riding, located = [] } = round;
    this.spent += located.length * writeCost;
    try {
      for (const each of riding) {
        const { head, bytes } = each.delivery;
        const others = othersIn(located, head.channelId);
        // For nobody, as when all are away, nothing is encoded.
        if (others > 0) this.dispatcher.push(head, each.delivery.body(), located, head.channelId);
        const cost = deliveryCost(others, bytes);
        each.cost += cost;
        this.spent += cost;
      }
      this.end(round.advance(), undefined);
    } catch (bug) {
      round.failure = { error: bug };
    }
  }

  private end(riding: readonly Riding[], failure: Round["failure"]): void {
    for (const { delivery, cost } of riding) {
      this.waitingBytes -= delivery.bytes;
      if (failure !== undefined) delivery.failed(failure.error);
      delivery.done(cost);
    }
  }

  /** The line can go on: it is of whoever caused its first delivery. */
  private resume(line: Line): void {
    const first = line.round?.riding[0]?.delivery ?? line.waiting[0];
    if (first === undefined) {
      this.lines.delete(line.key);
      return;
    }
    const key = accountKey(first.app, first.sender);
    const sender = this.senders.get(key);
    if (sender !== undefined) {
      sender.lines.push(line);
      return;
    }
    const fresh: Sender = { key, lines: [line] };
    this.senders.set(key, fresh);
    this.turns.push(fresh);
  }
}
