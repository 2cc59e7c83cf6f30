// Pushes to many connections that wait for their turn: what is written in one turn of the event loop is bounded, so that
// the requests and answers of others go in between. A push that comes while none waits is written at once, as far as this
// turn's share lasts. What waits is written in the order in which it came.
//
// Memory: each push is kept once, whatever the number of its recipients. When too much waits the oldest are written at
// once: a push is late, and never lost, by this queue.

import { deliveryCost, turnCostMax, writeCost } from "../../container/dispatcher.ts";

/** What waits, in bytes; the ids of connections count, too. */
const waitingBytesMax = 16 * 1024 * 1024;

interface Push {
  /** As clients get it. */
  readonly packet: Buffer;
  readonly channels: readonly string[];
  /** Those before this one have got it. */
  at: number;
  readonly bytes: number;
}

export class PushQueue {
  private readonly deliver: (channelId: string, packet: Buffer) => void;
  private readonly soon: (action: () => void) => void;
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
  constructor(
    deliver: (channelId: string, packet: Buffer) => void,
    soon: (action: () => void) => void = (action) => void setImmediate(action),
  ) {
    this.deliver = deliver;
    this.soon = soon;
  }

  /** True while pushes wait. */
  get isWaiting(): boolean {
    return this.first < this.waiting.length;
  }

  /** True when the caller may write a push of that many bytes to these connections now. */
  mayWrite(channels: readonly string[], bytes: number): boolean {
    if (this.isWaiting || this.spent >= turnCostMax) return false;
    this.spent += channels.length * this.costOfEach(channels, bytes);
    this.arm();
    return true;
  }

  /** Writes a push when it is its turn. The packet is the queue's own from now on. */
  add(packet: Buffer, channels: readonly string[]): void {
    let bytes = packet.length;
    for (const channel of channels) bytes += channel.length;
    this.waiting.push({ packet, channels, at: 0, bytes });
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
    while (this.isWaiting && this.spent < turnCostMax) this.write(turnCostMax - this.spent);
    if (this.isWaiting) this.arm();
  };

  /** Writes the first push to connections that cost `share` together, at least to one. */
  private write(share: number): void {
    const push = this.waiting[this.first];
    if (push === undefined) return;
    const { packet, channels } = push;
    const cost = this.costOfEach(channels, packet.length);
    const end = Math.min(channels.length, push.at + Math.max(1, Math.floor(share / cost)));
    // Counted first: a bug in writing must not bring the same connection up again.
    this.spent += (end - push.at) * cost;
    const from = push.at;
    push.at = end;
    if (end === channels.length) this.drop(push);
    for (let at = from; at < end; at++) this.deliver(channels[at] ?? "", packet);
  }

  /** What one connection costs: less when it has been written to in this turn. */
  private costOfEach(channels: readonly string[], bytes: number): number {
    const [first = ""] = channels;
    const cost = deliveryCost(1, bytes);
    if (this.written.has(first)) return cost;
    this.written.add(first);
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
