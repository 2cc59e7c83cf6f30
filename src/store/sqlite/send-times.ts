// When messages were sent. Times increase with ids while the clock runs forward: clocks that differ by less than a
// millisecond count as equal.

import type { Database } from "bun:sqlite";
import type { Clock } from "../../base/clock.ts";

export class SendTimes {
  private readonly clock: Clock;
  private readonly newest;

  constructor(db: Database, clock: Clock) {
    this.clock = clock;
    this.newest = db.prepare<{ sent_ns: bigint }, []>("SELECT sent_ns FROM message ORDER BY id DESC LIMIT 1");
  }

  /** The send time of a batch's first message, in nanoseconds; each further one is a nanosecond later. */
  first(): bigint {
    const wallNs = this.clock.wallNs();
    const newestNs = this.newest.get()?.sent_ns ?? 0n;
    return newestNs >= wallNs && newestNs < wallNs + 1_000_000n ? newestNs + 1n : wallNs;
  }
}
