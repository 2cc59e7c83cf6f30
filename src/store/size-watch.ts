// Measures a store's size from time to time, for the metrics. A failure leaves the size unknown until the next time.

import { type Cancel, type Timers } from "../base/timers.ts";
import type { StoreSize } from "./store-size.ts";

const firstMs = 1_000;
const everyMs = 60_000;

export class SizeWatch {
  /** Undefined before the first measurement, and if the last one failed. */
  size: StoreSize | undefined;
  private readonly measure: () => Promise<StoreSize | undefined>;
  private readonly timers: Timers;
  private isStopped = false;
  private cancel: Cancel | undefined;

  constructor(measure: () => Promise<StoreSize | undefined>, timers: Timers) {
    this.measure = measure;
    this.timers = timers;
    this.later(firstMs);
  }

  stop(): void {
    this.isStopped = true;
    this.cancel?.();
  }

  private later(delayMs: number): void {
    if (this.isStopped) return;
    this.cancel = this.timers.after(delayMs, () => {
      // Other calls report why the store fails.
      void this.measure()
        .then(
          (size) => (this.size = size),
          () => (this.size = undefined),
        )
        .finally(() => this.later(everyMs));
    });
  }
}
