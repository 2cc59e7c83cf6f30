// Messages that wait for a flush, in columns: objects would cost garbage collections.

import { allLists, type MessageKeys } from "./posting.ts";
import { slicePostings, type RunBuilder } from "./run-builder.ts";

const positionsMax = 2 ** 20;

export class FlushBuffer {
  count = 0;
  lastId: bigint;
  private readonly ids: BigInt64Array;
  private readonly keys: readonly Float64Array[];

  /** `messages` is the capacity, at most 2^20. */
  constructor(messages: number, flushedId: bigint) {
    this.lastId = flushedId;
    this.ids = new BigInt64Array(messages);
    this.keys = allLists.map(() => new Float64Array(messages));
  }

  add({ id, received, sent, keyed }: MessageKeys): void {
    const [receivedKeys, sentKeys, keyedKeys] = this.keys;
    if (receivedKeys === undefined || sentKeys === undefined || keyedKeys === undefined) return;
    this.ids[this.count] = id;
    receivedKeys[this.count] = received;
    sentKeys[this.count] = sent;
    keyedKeys[this.count] = keyed ?? -1;
    this.count++;
    this.lastId = id;
  }

  /** Passes the postings of all lists to the builder, sorted by key and id; yields between slices. */
  *build(builder: RunBuilder): Generator<void, void, void> {
    for (const list of allLists) {
      // A key of 32 bits and a position of 20 bits fit into a double, and native code sorts doubles.
      const sorted = new Float64Array(this.count);
      let postings = 0;
      for (let position = 0; position < this.count; position++) {
        const key = this.keys[list]?.[position] ?? -1;
        if (key >= 0) sorted[postings++] = key * positionsMax + position;
      }
      yield;
      sorted.subarray(0, postings).sort();
      for (let at = 0; at < postings; at++) {
        if (at % slicePostings === 0) yield;
        const both = sorted[at] ?? 0;
        const position = both % positionsMax;
        builder.add(list, (both - position) / positionsMax, this.ids[position] ?? 0n);
      }
      builder.endList(list);
      yield;
    }
  }
}
