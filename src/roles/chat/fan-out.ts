// Deliveries to groups, in slices: one to thousands takes several turns of the event loop, and what others do goes in
// between. The deliveries of a group leave in the order in which they were added; senders take turns, so that one who
// has a hundred of them waiting does not keep another's one.
//
// A delivery that comes while nothing waits leaves at once, as far as this turn's share lasts. What waits is bounded by
// whoever adds (`hasRoom`), because a talk that was stored is pushed.

import { deliveryCost, type Dispatcher, type Located, othersIn, type PushHead } from "../../container/dispatcher.ts";
import type { Sessions } from "../../session/sessions.ts";

/** Accounts that are looked up and pushed to in one step; fewer where each of them gets much. */
const sliceAccountsMax = 256;
const sliceAccountsMin = 8;
/** Deliveries in one turn: at least, and at most. In between it is the given share of what waits. */
const turnDeliveriesMin = 256;
const turnDeliveriesMax = 4_096;
const turnShare = 1 / 16;

/** Something to be delivered to the members of a group. */
export interface Delivery {
  readonly app: string;
  /** `dest` is the group. */
  readonly head: PushHead;
  /** The account that caused it. */
  readonly sender: string;
  /** Of its body, about; it holds as much while it waits. */
  readonly bytes: number;
  /** The body, encoded anew for each slice: it is read before the next call. */
  body(): Uint8Array;
  /** The accounts that get it; asked for once. Rejects or throws as the store and the sessions do. */
  accounts(): readonly string[] | Promise<readonly string[]>;
  /** It has been pushed to all of them. `cost`: in deliveries, as `deliveryCost` counts them. */
  done(cost: number): void;
  /** What is left of it will not be pushed. */
  failed(error: unknown): void;
}

/** A delivery on its way. */
export class Fanning {
  readonly delivery: Delivery;
  /** To whom; undefined until that is known. */
  accounts: readonly string[] | undefined;
  /** Of the slice at `at`; undefined until it was looked up. */
  located: Located | undefined;
  /** The accounts before this one have been served. */
  at = 0;
  cost = 0;
  /** What it counts for in the number of accounts that wait. */
  counted = 0;
  /** The look-up under way. */
  pending: Promise<void> | undefined;
  error: unknown;
  hasFailed = false;
  private readonly sessions: Pick<Sessions, "locate">;
  private readonly sliceAccounts: number;

  /** Looks for whom the delivery is, at once. */
  constructor(delivery: Delivery, sessions: Pick<Sessions, "locate">) {
    this.delivery = delivery;
    this.sessions = sessions;
    this.sliceAccounts = Math.max(sliceAccountsMin, Math.floor(sliceAccountsMax / deliveryCost(1, delivery.bytes)));
    this.prepare(() => {
      const accounts = delivery.accounts();
      if (accounts instanceof Promise) return accounts.then((found) => this.begin(found));
      return this.begin(accounts);
    });
  }

  get isOver(): boolean {
    return this.hasFailed || (this.accounts !== undefined && this.at >= this.accounts.length);
  }

  /** How many accounts are left. */
  get left(): number {
    return this.accounts === undefined ? 1 : this.accounts.length - this.at;
  }

  /** The slice has been served: looks the next one up. */
  advance(): void {
    this.at += this.sliceAccounts;
    this.located = undefined;
    if (!this.isOver) this.prepare(() => this.locate());
  }

  private begin(accounts: readonly string[]): void | Promise<void> {
    this.accounts = accounts;
    return accounts.length === 0 ? undefined : this.locate();
  }

  private locate(): void | Promise<void> {
    const { accounts = [], at, sliceAccounts } = this;
    const slice = accounts.length <= sliceAccounts ? accounts : accounts.slice(at, at + sliceAccounts);
    const located = this.sessions.locate(this.delivery.app, slice);
    if (!(located instanceof Promise)) this.located = located;
    else return located.then((found) => void (this.located = found));
  }

  private prepare(look: () => void | Promise<void>): void {
    try {
      const pending = look();
      if (pending !== undefined) {
        this.pending = pending.then(
          () => void (this.pending = undefined),
          (error: unknown) => this.fail(error),
        );
      }
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.pending = undefined;
    this.hasFailed = true;
    this.error = error;
  }
}

/** The deliveries of one group that wait, in order. */
interface Line {
  readonly key: string;
  readonly waiting: Fanning[];
}

/** The lines whose first delivery is a sender's. */
interface Sender {
  readonly key: string;
  readonly lines: Line[];
}

export class FanOut {
  private readonly dispatcher: Pick<Dispatcher, "push">;
  private readonly sessions: Pick<Sessions, "locate">;
  private readonly soon: (action: () => void) => void;
  private readonly bytesMax: number;
  private readonly lines = new Map<string, Line>();
  private readonly senders = new Map<string, Sender>();
  /** Those with a line that can go on, in the order of their turns. */
  private readonly turns: Sender[] = [];
  private waitingBytes = 0;
  /** Accounts that are to be served, as far as is known. */
  private waitingAccounts = 0;
  /** Deliveries of this turn. */
  private spent = 0;
  private isArmed = false;
  private idle: (() => void)[] = [];

  /** `soon` runs an action at the end of this turn of the event loop. `bytesMax` bounds what waits. */
  constructor(parts: {
    readonly dispatcher: Pick<Dispatcher, "push">;
    readonly sessions: Pick<Sessions, "locate">;
    readonly bytesMax: number;
    readonly soon?: (action: () => void) => void;
  }) {
    this.dispatcher = parts.dispatcher;
    this.sessions = parts.sessions;
    this.bytesMax = parts.bytesMax;
    this.soon = parts.soon ?? ((action) => void setImmediate(action));
  }

  /** False while too much waits: then nothing shall be stored that is to be added. */
  get hasRoom(): boolean {
    return this.waitingBytes < this.bytesMax;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.waitingBytes;
  }

  /** Looks for whom a delivery is; it leaves once it is added. */
  prepare(delivery: Delivery): Fanning {
    return new Fanning(delivery, this.sessions);
  }

  /** Delivers what was prepared, after what was added for its group before. */
  add(fanning: Fanning): void {
    const { app, head, bytes } = fanning.delivery;
    this.waitingBytes += bytes;
    this.count(fanning, fanning.left);
    const key = keyOf(app, head.dest);
    const line = this.lines.get(key);
    if (line !== undefined) {
      line.waiting.push(fanning);
      return;
    }
    const fresh: Line = { key, waiting: [fanning] };
    this.lines.set(key, fresh);
    this.resume(fresh);
    if (this.spent < turnDeliveriesMin) this.work();
  }

  /** Resolves when nothing waits. */
  settled(): Promise<void> {
    if (this.lines.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private readonly turn = (): void => {
    this.isArmed = false;
    this.spent = 0;
    this.work();
  };

  /** Serves senders in turn, until this turn's share is spent. */
  private work(): void {
    const share = Math.min(turnDeliveriesMax, Math.max(turnDeliveriesMin, this.waitingAccounts * turnShare));
    while (this.spent < share) {
      const sender = this.turns.shift();
      if (sender === undefined) break;
      const line = sender.lines.shift();
      if (sender.lines.length > 0) this.turns.push(sender);
      else this.senders.delete(sender.key);
      if (line !== undefined) this.step(line);
    }
    // Counted anew in the next turn, in which what is left goes on.
    if ((this.turns.length > 0 || this.spent > 0) && !this.isArmed) {
      this.isArmed = true;
      this.soon(this.turn);
    }
    if (this.lines.size === 0) for (const resolve of this.idle.splice(0)) resolve();
  }

  /** One slice of a line's first delivery. */
  private step(line: Line): void {
    const [fanning] = line.waiting;
    if (fanning === undefined) return;
    if (fanning.pending !== undefined) {
      // The line comes back when that is known.
      void fanning.pending.then(() => {
        this.resume(line);
        if (this.spent < turnDeliveriesMin) this.work();
      });
      return;
    }
    if (!fanning.isOver) this.serve(fanning);
    this.count(fanning, fanning.isOver ? 0 : fanning.left);
    if (fanning.isOver) this.end(line, fanning);
    if (line.waiting.length > 0) this.resume(line);
    else this.lines.delete(line.key);
  }

  private serve(fanning: Fanning): void {
    const { delivery, located = [] } = fanning;
    try {
      const others = othersIn(located, delivery.head.channelId);
      // For nobody, as when all are away, nothing is encoded.
      if (others > 0) this.dispatcher.push(delivery.head, delivery.body(), located, delivery.head.channelId);
      const cost = deliveryCost(others, delivery.bytes);
      fanning.cost += cost;
      this.spent += Math.max(cost, located.length);
      fanning.advance();
    } catch (bug) {
      fanning.hasFailed = true;
      fanning.error = bug;
    }
  }

  private count(fanning: Fanning, left: number): void {
    this.waitingAccounts += left - fanning.counted;
    fanning.counted = left;
  }

  private end(line: Line, fanning: Fanning): void {
    const { delivery } = fanning;
    line.waiting.shift();
    this.waitingBytes -= delivery.bytes;
    if (fanning.hasFailed) delivery.failed(fanning.error);
    delivery.done(fanning.cost);
  }

  /** The line can go on: it is of whoever caused its first delivery. */
  private resume(line: Line): void {
    const [first] = line.waiting;
    if (first === undefined) return;
    const key = keyOf(first.delivery.app, first.delivery.sender);
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

/** A key that names cannot forge: the length of its first part comes first. */
function keyOf(app: string, name: string): string {
  return `${app.length}:${app}${name}`;
}
