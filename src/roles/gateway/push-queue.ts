// Pushes to many connections that wait for their turn: what is written in one turn of the event loop is bounded, so that
// the requests and answers of others go in between. A push that comes while none waits is written at once, as far as this
// turn's share lasts. What waits is written in the order in which it came.
//
// Memory: each push is kept once, whatever the number of its recipients. When too much waits the oldest are written at
// once: a push is late, and never lost, by this queue.

import { deliveryCost } from "../../container/dispatcher.ts";

/** Deliveries in one turn: at least, and at most. In between it is the given share of what waits. */
const turnDeliveriesMin = 512;
const turnDeliveriesMax = 4_096;
const turnShare = 1 / 16;
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
  private waitingDeliveries = 0;
  private spent = 0;
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

  /** True when the caller may write a push of that many bytes to so many connections now. */
  mayWrite(connections: number, bytes: number): boolean {
    if (this.isWaiting || this.spent >= turnDeliveriesMin) return false;
    this.spent += deliveryCost(connections, bytes);
    this.arm();
    return true;
  }

  /** Writes a push when it is its turn. The packet is the queue's own from now on. */
  add(packet: Buffer, channels: readonly string[]): void {
    let bytes = packet.length;
    for (const channel of channels) bytes += channel.length;
    this.waiting.push({ packet, channels, at: 0, bytes });
    this.waitingBytes += bytes;
    this.waitingDeliveries += channels.length;
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
    const share = Math.min(turnDeliveriesMax, Math.max(turnDeliveriesMin, this.waitingDeliveries * turnShare));
    while (this.isWaiting && this.spent < share) this.write(share - this.spent);
    if (this.isWaiting) this.arm();
  };

  /** Writes the first push to connections that cost `share` together, at least to one. */
  private write(share: number): void {
    const push = this.waiting[this.first];
    if (push === undefined) return;
    const { packet, channels } = push;
    const cost = deliveryCost(1, packet.length);
    const end = Math.min(channels.length, push.at + Math.max(1, Math.floor(share / cost)));
    // Counted first: a bug in writing must not bring the same connection up again.
    this.spent += (end - push.at) * cost;
    this.waitingDeliveries -= end - push.at;
    const from = push.at;
    push.at = end;
    if (end === channels.length) this.drop(push);
    for (let at = from; at < end; at++) this.deliver(channels[at] ?? "", packet);
  }

  private drop(push: Push): void {
    this.waitingBytes -= push.bytes;
    this.first++;
    if (this.first < this.waiting.length && this.first < 1_024) return;
    this.waiting = this.waiting.slice(this.first);
    this.first = 0;
  }
}
