// What some wait for, and what comes or fails again and again, such as a list that is read after each sign-in.

import { type Deferred, deferred } from "./deferred.ts";

export class Outcome {
  private queued: Deferred<void> | undefined;

  /** Settles with the next outcome; the same promise for all who wait for it. */
  next(): Promise<void> {
    return (this.queued ??= deferred()).promise;
  }

  /** Tells those who wait. `failure`: it has failed, for this reason. */
  settle(failure?: Error): void {
    const { queued } = this;
    this.queued = undefined;
    if (failure === undefined) queued?.resolve();
    else queued?.reject(failure);
  }
}
