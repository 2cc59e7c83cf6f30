// Webhooks give way to the talks. While the store has no more to give, the saves of all lanes pass one at a time, each
// after a pause: a lane sends its next batch when it is saved, so its reading, rendering and sending becomes rare as
// well. What is not told meanwhile is in the log, and told later.

import type { Timers } from "../base/timers.ts";
import { Pauses } from "./pauses.ts";

/** At most so often the lanes together tell a batch, which takes some ten milliseconds of a processor. */
const yieldMs = 200;

export class SaveGate {
  private readonly isSaturated: () => boolean;
  private readonly pauses: Pauses;
  private turn: Promise<void> = Promise.resolve();

  constructor(isSaturated: () => boolean, timers: Timers) {
    this.isSaturated = isSaturated;
    this.pauses = new Pauses(timers);
  }

  /** Resolves when a save may go on; at once while the store has more to give. */
  pass(): Promise<void> {
    if (!this.isSaturated()) return Promise.resolve();
    this.turn = this.turn.then(() => (this.isSaturated() ? this.pauses.pause(yieldMs) : undefined));
    return this.turn;
  }

  /** All that wait may go on now, and nobody waits from now on. */
  open(): void {
    this.pauses.end(0);
  }
}
