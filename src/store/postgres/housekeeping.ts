// What the store does in the background: it renews the node number's lease, deletes what is older than the retention,
// and tells whether the store can commit. While it cannot, nothing is tried but a renewal every second: whoever asks is
// refused at once and not after a time limit, and no queue grows.

import { idempotencyHours } from "../../base/limits.ts";
import type { Log } from "../../base/log.ts";
import { renewAfterMs } from "./writer-lock.ts";

const dayMs = 86_400_000;
/** While the store cannot commit, it is tried this often. */
const probeEveryMs = 1_000;
const purgeEveryMs = 60_000;
const purgeFirstMs = 500;
/** Between two slices: talks go first. */
const purgePauseMs = 20;

export interface Chores {
  /** Renews the lease; rejects when the store cannot commit. */
  renew(): Promise<void>;
  /** Deletes a slice of what is older than `keepMs`, from id `above` on; where to go on, or undefined at the end. */
  purge(above: bigint, keepMs: number): Promise<bigint | undefined>;
}

export class Housekeeping {
  /** Why the store cannot commit; undefined while it can. */
  failure: string | undefined;
  private readonly chores: Chores;
  private readonly retentionDays: number;
  private readonly log: Log;
  private isStopped = false;
  private renewTimer: ReturnType<typeof setTimeout> | undefined;
  private purgeTimer: ReturnType<typeof setTimeout> | undefined;

  /** Messages are kept for `retentionDays`, but never for less than the hours of idempotency; 0: for ever. */
  constructor(chores: Chores, retentionDays: number, log: Log) {
    this.chores = chores;
    this.retentionDays = retentionDays;
    this.log = log;
    this.renewLater(renewAfterMs);
    if (retentionDays > 0) this.purgeLater(0n, purgeFirstMs);
  }

  /** Told of every batch: the sentence why it failed, or undefined. */
  committed(failure: string | undefined): void {
    // A batch that was sent before the failure was noticed proves nothing: only a renewal ends it.
    if (failure === undefined || this.failure !== undefined || this.isStopped) return;
    this.failure = failure;
    this.log.error("The message store cannot commit; requests are refused until it can.", { reason: failure });
    this.renewLater(0);
  }

  /** Told that the writer's connection is gone: whether the database is, is found out before anybody asks. */
  lost(): void {
    if (this.failure === undefined) this.renewLater(0);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.renewTimer);
    clearTimeout(this.purgeTimer);
  }

  private renewLater(delayMs: number): void {
    clearTimeout(this.renewTimer);
    if (this.isStopped) return;
    this.renewTimer = setTimeout(() => {
      this.chores.renew().then(
        () => {
          if (this.failure !== undefined && !this.isStopped) this.log.info("The message store commits again.");
          this.failure = undefined;
          this.renewLater(renewAfterMs);
        },
        (error: unknown) => {
          this.committed(sentenceOf(error));
          this.renewLater(probeEveryMs);
        },
      );
    }, delayMs);
    this.renewTimer.unref();
  }

  private purgeLater(above: bigint, delayMs: number): void {
    if (this.isStopped) return;
    this.purgeTimer = setTimeout(() => {
      const keepMs = Math.max(this.retentionDays * dayMs, idempotencyHours * 3_600_000);
      this.chores.purge(above, keepMs).then(
        (next) => this.purgeLater(next ?? above, next === undefined ? purgeEveryMs : purgePauseMs),
        (error: unknown) => {
          this.log.debug("Old messages could not be deleted; it is tried again.", { reason: sentenceOf(error) });
          this.purgeLater(0n, purgeEveryMs);
        },
      );
    }, delayMs);
    this.purgeTimer.unref();
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
