// When requests are due: in an open loop at a rate, each to be taken by a connection that is free; in a closed loop
// whenever one asks.

/** What is due is noticed this often. */
const paceMs = 1;

export class DueRequests {
  private readonly rate: number;
  private readonly startMs = performance.now();
  private readonly waiting: ((dueMs: number | undefined) => void)[] = [];
  private readonly pacer: ReturnType<typeof setInterval> | undefined;
  private taken = 0;
  private isOver = false;

  /** `rate`: a second; 0 is a closed loop. */
  constructor(rate: number) {
    this.rate = rate;
    this.pacer = rate === 0 ? undefined : setInterval(() => this.hand(), paceMs);
  }

  /** When the next request was due, once it is; undefined: no more are. */
  next(): number | undefined | Promise<number | undefined> {
    if (this.isOver) return undefined;
    if (this.rate === 0) return performance.now();
    const dueMs = this.nextDueMs;
    if (dueMs > performance.now()) return new Promise((resolve) => this.waiting.push(resolve));
    this.taken++;
    return dueMs;
  }

  /** What is not taken by then is not sent. */
  end(): void {
    this.isOver = true;
    clearInterval(this.pacer);
    for (const resolve of this.waiting.splice(0)) resolve(undefined);
  }

  private get nextDueMs(): number {
    return this.startMs + (this.taken / this.rate) * 1_000;
  }

  private hand(): void {
    const nowMs = performance.now();
    while (this.nextDueMs <= nowMs) {
      const resolve = this.waiting.shift();
      if (resolve === undefined) return;
      resolve(this.nextDueMs);
      this.taken++;
    }
  }
}
