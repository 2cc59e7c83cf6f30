// What some wait for, and what comes or fails again and again, such as a list that is read after each sign-in.

import { type Deferred, deferred } from "./deferred.ts";

export class Outcome {
  private waiting: Deferred<void> | undefined;

  /** Settles with the next outcome; the same promise for all who wait for it. */
  next(): Promise<void> {
    return (this.waiting ??= deferred()).promise;
  }

  /** Tells those who wait. `failure`: it has failed, for this reason. */
  settle(failure?: Error): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (failure === undefined) waiting?.resolve();
    else waiting?.reject(failure);
  }
}
