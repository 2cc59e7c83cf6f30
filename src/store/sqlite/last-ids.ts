// The newest message of each inbox that was asked for since the start: 8 bytes for every account and group, so that the
// message before a new one costs no look into the index. Its user sets it with every message that is committed.

import { assert } from "../../base/assert.ts";

/** Marks an inbox that is known to be empty. */
const none = -1n;

export class LastIds {
  private ids = new BigInt64Array(1_024);

  /** By key (posting.ts, `received`): an id; 0n where there is no message; undefined where it is not known. */
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
