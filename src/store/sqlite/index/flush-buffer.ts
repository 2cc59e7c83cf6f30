// Messages that wait for a flush, in columns: objects would cost garbage collections.

import { positions, sortedByKey } from "./key-sort.ts";
import { busyMessages, PeerList } from "./peer-list.ts";
import { lists, receiverOf, type List, type MessageKeys } from "./posting.ts";
import { slicePostings, type RunBuilder } from "./run-builder.ts";

export class FlushBuffer {
  count = 0;
  lastId: bigint;
  private readonly ids: BigInt64Array<ArrayBuffer>;
  private readonly received: Uint32Array<ArrayBuffer>;
  private readonly sent: Uint32Array<ArrayBuffer>;
  private readonly keyed: Uint32Array<ArrayBuffer>;
  /** 1 for messages that have a key of the list `keyed`. */
  private readonly hasKeyed: Uint8Array;

  /** `messages` is the capacity, at most 2^18. */
  constructor(messages: number, flushedId: bigint) {
    this.lastId = flushedId;
    this.ids = new BigInt64Array(messages);
    this.received = new Uint32Array(messages);
    this.sent = new Uint32Array(messages);
    this.keyed = new Uint32Array(messages);
    this.hasKeyed = new Uint8Array(messages);
  }

  add({ id, received, sent, keyed }: MessageKeys): void {
    this.ids[this.count] = id;
    this.received[this.count] = received;
    this.sent[this.count] = sent;
    if (keyed !== undefined) {
      this.keyed[this.count] = keyed;
      this.hasKeyed[this.count] = 1;
    }
    this.count++;
    this.lastId = id;
  }

  /** Passes the postings of all lists to the builder, each list in its order; yields between slices. */
  *build(builder: RunBuilder): Generator<void, void, void> {
    const all = positions(this.count);
    const byReceived = sortedByKey(all, this.received);
    yield;
    yield* this.write(builder, lists.received, byReceived, this.received, this.sent);
    const bySent = sortedByKey(all, this.sent);
    yield;
    yield* this.write(builder, lists.sent, bySent, this.sent);
    const byKeyed = sortedByKey(
      all.filter((position) => this.hasKeyed[position] === 1),
      this.keyed,
    );
    yield;
    yield* this.write(builder, lists.keyed, byKeyed, this.keyed);
    const isDirect = (position: number): boolean => receiverOf(this.received[position] ?? 0) > 0;
    const byPair = sortedByKey(byReceived.filter(isDirect), this.sent);
    const receivers = this.received.map(receiverOf);
    yield;
    yield* this.write(builder, lists.pair, byPair, this.sent, receivers);
    const busy = new Set([...busyOf(byReceived, receivers), ...busyOf(byPair, this.sent)]);
    const peers = new PeerList();
    const halves = new Uint32Array(this.ids.buffer);
    if (busy.size > 0) {
      for (const position of byPair) {
        const [sender, receiver] = [this.sent[position] ?? 0, receivers[position] ?? 0];
        if (busy.has(sender) || busy.has(receiver)) peers.add(sender, receiver, halves, position);
      }
    }
    yield* peers.build(builder, busy);
    yield* builder.makeFilters();
  }

  private *write(
    builder: RunBuilder,
    list: List,
    order: Uint32Array,
    keys: Uint32Array,
    seconds?: Uint32Array,
  ): Generator<void, void, void> {
    const halves = new Uint32Array(this.ids.buffer);
    for (let at = 0; at < order.length; at++) {
      if (at % slicePostings === slicePostings - 1) yield;
      const position = order[at] ?? 0;
      builder.add(list, keys[position] ?? 0, seconds?.[position] ?? 0, halves, position);
    }
    builder.endList(list);
    yield;
  }
}

/** Returns the accounts that have more than `busyMessages` of these positions, which are sorted by account. */
function busyOf(order: Uint32Array, accounts: Uint32Array): number[] {
  const busy: number[] = [];
  for (let from = 0, at = 1; at <= order.length; at++) {
    const account = accounts[order[from] ?? 0] ?? 0;
    if (at < order.length && accounts[order[at] ?? 0] === account) continue;
    if (at - from > busyMessages && account > 0) busy.push(account);
    from = at;
  }
  return busy;
}
