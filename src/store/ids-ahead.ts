// How far the newest message's id is ahead of the wall clock: ids go on above the last one after a clock was set back, and
// catch up when time does. It harms nothing, but whoever runs the store should know.

import type { Log } from "../base/log.ts";
import { timeOfId } from "./snowflake.ts";

/** Two nodes' clocks, or a clock that is slewed, may part by so much. */
const saidAboveMs = 60_000;

export class IdsAhead {
  /** 0 while ids are not ahead. */
  ms = 0;
  private readonly log: Log;
  private isSaid = false;

  constructor(log: Log) {
    this.log = log;
  }

  /** Told the store's last id (0n: none) and the wall clock at the same moment, in milliseconds since 1970. */
  renewed(lastId: bigint, wallMs: number): void {
    this.ms = lastId === 0n ? 0 : Math.max(0, timeOfId(lastId) - wallMs);
    const isFar = this.ms > saidAboveMs;
    if (isFar === this.isSaid) return;
    this.isSaid = isFar;
    if (isFar) {
      this.log.warn(
        "The newest message was written with a clock that was ahead: ids run ahead of the clock until it catches up. " +
          "Messages are stored; order them by id, not by time.",
        { aheadMs: this.ms },
      );
    } else this.log.info("Message ids tell the time again.");
  }
}
