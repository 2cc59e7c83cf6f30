// Work that comes for many at once, such as sign-ins after a network has come back: a turn of the event loop does as much of
// it as fits a share of time, in the order of its coming, so that others' requests go in between.

import { systemTimers, type Timers } from "./timers.ts";
import { type Clock, systemClock } from "./clock.ts";

/** One share, for all work that is given to it. */
export class TurnShare {
  private readonly shareMs: number;
  private readonly piecesMax: number;
  private readonly clock: Pick<Clock, "monotonicMs">;
  private readonly soon: Timers["soon"];
  private waiting: (() => void)[] = [];
  /** In this turn of the event loop. */
  private spentMs = 0;
  private pieces = 0;
  private isPlanned = false;

  /**
   * `shareMs`: what a turn spends, in milliseconds; its last piece of work may go beyond it. `piecesMax`: how much work a
   * turn does at most, however little it takes: what follows it, in later turns, costs too.
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

  /** True while this turn's share lasts and nothing waits: then the work is to be `run`, else to be done `later`. */
  get isFree(): boolean {
    return this.isLeft && this.waiting.length === 0;
  }

  /** Does a piece of work now, and charges what it took. */
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

  /** Does a piece of work when it is its turn. The caller bounds how much waits. Rejects with what it throws. */
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
