// Caches the newest message of each inbox: 8 bytes for every account and group, so that finding the message before a
// new one needs no lookup in the index. The caller sets it for every committed message.

import { assert } from "../../base/assert.ts";

/** Marks an inbox that is known to be empty. */
const none = -1n;

export class LastIds {
  private ids = new BigInt64Array(1_024);

  /** Returns the id for a key (posting.ts, `received`); 0n if the inbox is empty; undefined if it is unknown. */
  get(key: number): bigint | undefined {
    const id = this.ids[key];
    if (id === undefined || id === 0n) return undefined;
    return id === none ? 0n : id;
  }

  set(key: number, id: bigint): void {
    assert(key >= 0, "keys are not negative");
    if (key >= this.ids.length) {
      const longer = new BigInt64Array(2 ** Math.ceil(Math.log2(key + 1)));
      longer.set(this.ids);
      this.ids = longer;
    }
    this.ids[key] = id === 0n ? none : id;
  }
}
