// The talks of a run: who sent how many, what was answered, what arrived where, and how long it took. All senders and
// receivers live in one process, so that one clock measures every way.

import type { PacketScan } from "../../src/wire/packet-scan.ts";
import { Latency } from "../latency.ts";
import { Ledger } from "./ledger.ts";
import type { LoadClient, LoadEvents, NumberedRequests } from "./load-client.ts";
import { readStamp, stamp } from "./numbered-talk.ts";

export interface TrafficOptions {
  /** Receivers that must get each talk; 0: nobody is there, or nobody looks. */
  readonly audience: number;
  /** A closed loop sends the next talk when this one has been answered, or has reached its whole audience as well. */
  readonly until: "answered" | "delivered";
}

export class Traffic {
  readonly audience: number;
  readonly isUntilDelivered: boolean;
  readonly senders: Sender[] = [];
  readonly receivers: Receiver[] = [];
  /**
   * From when a talk was due until it was answered, and until it arrived; of talks that were due while it was measured.
   */
  readonly answerLatency = new Latency();
  readonly deliveryLatency = new Latency();
  /** What came while it was measured. */
  answersMeasured = 0;
  deliveriesMeasured = 0;
  /** Measured is what is due from here on, … */
  fromMs = Infinity;
  /** … and before this, or before a sender had sent all that it has. */
  untilMs = Infinity;
  /** Closed loop: called with a sender that may send its next talk. */
  free: (sender: Sender, nowMs: number) => void = () => undefined;
  /** Called with each answer that is the first one to its talk, measured or not. */
  watch: (dueMs: number, atMs: number) => void = () => undefined;
  /** When something came last. */
  heardMs = 0;
  private readonly failing = Promise.withResolvers<never>();

  constructor({ audience, until }: TrafficOptions) {
    this.audience = audience;
    this.isUntilDelivered = until === "delivered";
    this.failure.catch(() => undefined);
  }

  /** Rejects when the run cannot succeed any more. */
  get failure(): Promise<never> {
    return this.failing.promise;
  }

  fail(sentence: string): void {
    this.failing.reject(new Error(sentence));
  }

  sender(): Sender {
    const sender = new Sender(this, this.senders.length);
    this.senders.push(sender);
    return sender;
  }

  receiver(): Receiver {
    const receiver = new Receiver(this);
    this.receivers.push(receiver);
    return receiver;
  }

  isMeasured(momentMs: number): boolean {
    return momentMs >= this.fromMs && momentMs < this.untilMs;
  }

  get sent(): number {
    return sum(this.senders, ({ sent }) => sent);
  }
  get answered(): number {
    return sum(this.senders, ({ answers }) => answers.delivered);
  }
  get refused(): number {
    return sum(this.senders, ({ refused }) => refused);
  }
  get delivered(): number {
    return sum(this.receivers, ({ delivered }) => delivered);
  }
  /** Talks and answers that came twice. */
  get duplicated(): number {
    return sum(this.receivers, ({ duplicated }) => duplicated) + sum(this.senders, ({ answers }) => answers.duplicated);
  }
  get reordered(): number {
    return sum(this.receivers, ({ reordered }) => reordered);
  }

  disconnect(): void {
    for (const { client } of this.senders) client?.disconnect();
    for (const { client } of this.receivers) client?.disconnect();
  }
}

/** One who talks. */
export class Sender {
  readonly number: number;
  readonly answers = new Ledger();
  /** When each talk was due. */
  readonly dueMs: number[] = [];
  refused = 0;
  /** Of the first talk that was refused; 0: none was. */
  refusedStatus = 0;
  client: LoadClient | undefined;
  requests: NumberedRequests | undefined;
  private readonly traffic: Traffic;
  /** By talk: what must still come before it is over. */
  private readonly remaining: number[] = [];

  constructor(traffic: Traffic, number: number) {
    this.traffic = traffic;
    this.number = number;
  }

  get sent(): number {
    return this.dueMs.length;
  }

  talk(dueMs: number): void {
    const { client, requests, traffic, sent } = this;
    if (client === undefined || requests === undefined) throw new Error("a sender is connected before it talks");
    if (sent === requests.count) {
      traffic.untilMs = Math.min(traffic.untilMs, Math.max(traffic.fromMs, performance.now()));
      return;
    }
    this.dueMs.push(dueMs);
    if (traffic.isUntilDelivered) this.remaining.push(1 + traffic.audience);
    client.send(requests, sent);
  }

  answered(number: number, status: number, atMs: number): void {
    const { traffic } = this;
    const dueMs = this.dueMs[number];
    if (dueMs === undefined) {
      traffic.fail("an answer came that nobody waited for");
      return;
    }
    traffic.heardMs = atMs;
    if (!this.answers.note(number)) return;
    if (status !== 0) {
      if (this.refused++ === 0) this.refusedStatus = status;
    }
    if (traffic.isMeasured(atMs)) traffic.answersMeasured++;
    if (traffic.isMeasured(dueMs)) traffic.answerLatency.record(dueMs, atMs);
    traffic.watch(dueMs, atMs);
    if (traffic.isUntilDelivered) this.progressed(number, atMs);
    else traffic.free(this, atMs);
  }

  /** A receiver has got talk `number`, or the answer has come. */
  progressed(number: number, atMs: number): void {
    if (!this.traffic.isUntilDelivered) return;
    const left = (this.remaining[number] ?? 0) - 1;
    this.remaining[number] = left;
    if (left === 0) this.traffic.free(this, atMs);
  }
}

/** One who listens. */
export class Receiver {
  client: LoadClient | undefined;
  private readonly traffic: Traffic;
  /** By sender. */
  private readonly ledgers: (Ledger | undefined)[] = [];

  constructor(traffic: Traffic) {
    this.traffic = traffic;
  }

  get delivered(): number {
    return sum(this.ledgers, (ledger) => ledger?.delivered ?? 0);
  }
  get duplicated(): number {
    return sum(this.ledgers, (ledger) => ledger?.duplicated ?? 0);
  }
  get reordered(): number {
    return sum(this.ledgers, (ledger) => ledger?.reordered ?? 0);
  }

  received(payload: Buffer, scan: PacketScan, atMs: number): void {
    if (!readStamp(payload, scan)) return;
    const { traffic } = this;
    const { number } = stamp;
    const sender = traffic.senders[stamp.sender];
    const dueMs = sender?.dueMs[number];
    if (sender === undefined || dueMs === undefined) {
      traffic.fail("a message came that nobody had sent");
      return;
    }
    traffic.heardMs = atMs;
    const ledger = (this.ledgers[stamp.sender] ??= new Ledger());
    if (!ledger.note(number)) return;
    if (traffic.isMeasured(atMs)) traffic.deliveriesMeasured++;
    if (traffic.isMeasured(dueMs)) traffic.deliveryLatency.record(dueMs, atMs);
    sender.progressed(number, atMs);
  }
}

/** What a connection tells that may send, receive, or both. */
export function eventsOf(traffic: Traffic, sender?: Sender, receiver?: Receiver): LoadEvents {
  return {
    answered: (number, status, atMs) => sender?.answered(number, status, atMs),
    pushed: (payload, scan, atMs) => receiver?.received(payload, scan, atMs),
    lost: (reason) => traffic.fail(`${reason} in the middle of the run`),
  };
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
