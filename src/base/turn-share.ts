// Spreads work that arrives for many at once, such as sign-ins after a network failure: each turn of the event loop
// does as much as fits its share of time, in order of arrival, so that other requests are served in between.

import { systemTimers, type Timers } from "./timers.ts";
import { type Clock, systemClock } from "./clock.ts";

export class TurnShare {
  private readonly shareMs: number;
  private readonly piecesMax: number;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly soon: Timers["soon"];
  private waiting: (() => void)[] = [];
  /** Time spent in this turn. */
  private spentMs = 0;
  private pieces = 0;
  private isPlanned = false;

  /**
   * `shareMs` is the time that a turn spends; its last piece of work may exceed it. `piecesMax` bounds the pieces of a
   * turn, however short: what follows them, in later turns, costs too.
   */
  constructor(
    shareMs: number,
    piecesMax: number,
    clock: Pick<Clock, "monotonicMs"> = systemClock,
    soon: Timers["soon"] = systemTimers.soon,
  ) {
    this.shareMs = shareMs;
    this.piecesMax = piecesMax;
    this.clock = clock;
    this.soon = soon;
  }

  /** True while this turn has time left and nothing waits: `run` the work, else do it `later`. */
  get isFree(): boolean {
    return this.isLeft && this.waiting.length === 0;
  }

  /** Does a piece of work now, and charges its duration to this turn. */
  run<Result>(work: () => Result): Result {
    const sinceMs = this.clock.monotonicMs();
    try {
      return work();
    } finally {
      this.spentMs += this.clock.monotonicMs() - sinceMs;
      this.pieces++;
      this.plan();
    }
  }

  /** Does a piece of work in its turn. The caller bounds how many wait. Rejects with what `work` throws. */
  later<Result>(work: () => Result): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.waiting.push(() => {
      try {
        resolve(this.run(work));
      } catch (error) {
        reject(error);
      }
    });
    this.plan();
    return promise;
  }

  private get isLeft(): boolean {
    return this.spentMs < this.shareMs && this.pieces < this.piecesMax;
  }

  private plan(): void {
    if (this.isPlanned) return;
    this.isPlanned = true;
    this.soon(this.turn);
  }

  private readonly turn = (): void => {
    this.isPlanned = false;
    this.spentMs = 0;
    this.pieces = 0;
    const { waiting } = this;
    let done = 0;
    while (done < waiting.length && this.isLeft) waiting[done++]?.();
    this.waiting = waiting.slice(done);
    if (this.waiting.length > 0) this.plan();
  };
}
