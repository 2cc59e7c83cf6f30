// A queue of pushes to many connections. It bounds the writes in one turn of the event loop, so that other requests and
// answers are not delayed. A push that finds the queue empty is written at once, within the budget of the turn. Queued
// pushes are written in order.
//
// Memory: each push is kept once, whatever the number of its recipients. Beyond the bound, the oldest are written at
// once: the queue delays pushes, but never loses one. Pushes that may be dropped are dropped before that (`isPressed`).

import type { Timers } from "../../base/timers.ts";
import { turnCostMax } from "../../base/limits/fixed.ts";
import { deliveryCost, writeCost } from "../../service/dispatcher.ts";

/** What waits, in bytes; the ids of connections count, too. */
const waitingBytesMax = 16 * 1024 * 1024;
const pressedBytes = waitingBytesMax / 2;

interface Push {
  /** As clients get it. */
  readonly packet: Buffer;
  /** Of a command that may be dropped. */
  readonly isDroppable: boolean;
  readonly channels: readonly string[];
  /** Those before this one have got it. */
  at: number;
  readonly bytes: number;
}

export class PushQueue {
  private readonly deliver: (channelId: string, packet: Buffer, isDroppable: boolean) => void;
  private readonly soon: Timers["soon"];
  private waiting: Push[] = [];
  /** The first of `waiting` that is not done. */
  private first = 0;
  private waitingBytes = 0;
  /** In this turn of the event loop. */
  private spent = 0;
  /** To whom something was written in this turn: the first of each packet's connections stands for all of them. */
  private readonly written = new Set<string>();
  private isArmed = false;

  /** `deliver` writes a packet, which it may keep, to one connection. `soon` runs an action at this turn's end. */
  constructor(deliver: PushQueue["deliver"], soon: Timers["soon"]) {
    this.deliver = deliver;
    this.soon = soon;
  }

  /** True while pushes wait. */
  get isWaiting(): boolean {
    return this.first < this.waiting.length;
  }

  /** True while so much waits that pushes that may be dropped are not to be added. */
  get isPressed(): boolean {
    return this.waitingBytes > pressedBytes;
  }

  /** True when the caller may write a push of that many bytes to these connections now. */
  mayWrite(channels: readonly string[], bytes: number): boolean {
    if (this.isWaiting || !this.hasShare(channels[0])) return false;
    this.spent += channels.length * this.costOfEach(channels[0], bytes);
    this.arm();
    return true;
  }

  /** Writes a push when it is its turn. The packet is the queue's own from now on. */
  add(packet: Buffer, channels: readonly string[], isDroppable = false): void {
    let bytes = packet.length;
    for (const channel of channels) bytes += channel.length;
    this.waiting.push({ packet, isDroppable, channels, at: 0, bytes });
    this.waitingBytes += bytes;
    while (this.waitingBytes > waitingBytesMax) this.write(Infinity);
    this.arm();
  }

  /** Writes all that waits now. */
  flush(): void {
    while (this.isWaiting) this.write(Infinity);
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.soon(this.turn);
  }

  private readonly turn = (): void => {
    this.isArmed = false;
    this.spent = 0;
    this.written.clear();
    for (let push = this.next; push !== undefined && this.hasShare(push.channels[push.at]); push = this.next)
      this.write(turnCostMax - this.spent);
    if (this.isWaiting) this.arm();
  };

  private get next(): Push | undefined {
    return this.waiting[this.first];
  }

  /**
   * True while this turn's share lasts, and beyond it for those who have been written to in this turn: what they get
   * now leaves with that, and later would be written by itself.
   */
  private hasShare(first = ""): boolean {
    return this.spent < (this.written.has(first) ? 2 * turnCostMax : turnCostMax);
  }

  /**
   * Writes the first push to connections that cost `share` together, at least to one; to all of them where that costs
   * little: what is written to a half of them now splits the next pushes, too.
   */
  private write(share: number): void {
    const push = this.next;
    if (push === undefined) return;
    const { packet, channels, isDroppable } = push;
    const cost = this.costOfEach(channels[push.at], packet.length);
    const isCheap = channels.length * cost <= turnCostMax / 2;
    const end = isCheap ? channels.length : Math.min(channels.length, push.at + Math.max(1, Math.floor(share / cost)));
    // Counted first: a bug in writing must not bring the same connection up again.
    this.spent += (end - push.at) * cost;
    const from = push.at;
    push.at = end;
    if (end === channels.length) this.drop(push);
    for (let at = from; at < end; at++) this.deliver(channels[at] ?? "", packet, isDroppable);
  }

  /** What one connection costs: less when it has been written to in this turn. */
  private costOfEach(first: string | undefined, bytes: number): number {
    const cost = deliveryCost(1, bytes);
    if (this.written.has(first ?? "")) return cost;
    this.written.add(first ?? "");
    return cost + writeCost;
  }

  private drop(push: Push): void {
    this.waitingBytes -= push.bytes;
    this.first++;
    if (this.first < this.waiting.length && this.first < 1_024) return;
    this.waiting = this.waiting.slice(this.first);
    this.first = 0;
  }
}
