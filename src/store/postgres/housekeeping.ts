// What the store does in the background: it renews the node number's lease, looks at the clocks, deletes what is older
// than the retention, and tells whether the store can commit. While it cannot, nothing is tried but a renewal every
// second: whoever asks is refused at once and not after a time limit, and no queue grows.

import type { Log } from "../../base/log.ts";
import { IdsAhead } from "../ids-ahead.ts";
import type { PurgeNotice } from "../purge-notice.ts";
import { purgePauseMs } from "../purge.ts";
import type { Look } from "./horizons.ts";
import { renewAfterMs } from "./writer-lock.ts";
import type { Renewal } from "./writer.ts";

/** While the store cannot commit, it is tried this often. */
const probeEveryMs = 1_000;
const lookEveryMs = 60_000;
const lookFirstMs = 500;

export interface Chores {
  /** Renews the lease; rejects when the store cannot commit. */
  renew(): Promise<Renewal>;
  /** Looks at the clocks and moves the horizons; undefined: it could not be found out how they run. */
  look(): Promise<Look | undefined>;
  /** Deletes a slice of what is older than the horizon, from id `above` on; where to go on, or undefined at the end. */
  purge(above: bigint): Promise<bigint | undefined>;
}

export class Housekeeping {
  /** Why the store cannot commit; undefined while it can. */
  failure: string | undefined;
  readonly idsAhead: IdsAhead;
  private readonly chores: Chores;
  private readonly notice: PurgeNotice;
  private readonly log: Log;
  private isStopped = false;
  private isPurging = false;
  private renewTimer: ReturnType<typeof setTimeout> | undefined;
  private lookTimer: ReturnType<typeof setTimeout> | undefined;
  private purgeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(chores: Chores, notice: PurgeNotice, log: Log) {
    this.chores = chores;
    this.notice = notice;
    this.log = log;
    this.idsAhead = new IdsAhead(log);
    this.renewLater(renewAfterMs);
    this.lookLater(lookFirstMs);
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

  /** How long nothing is deleted at least; 0: it is when it is old. */
  get purgeWaitMs(): number {
    return this.notice.waitMs;
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.renewTimer);
    clearTimeout(this.lookTimer);
    clearTimeout(this.purgeTimer);
  }

  private renewLater(delayMs: number): void {
    clearTimeout(this.renewTimer);
    if (this.isStopped) return;
    this.renewTimer = setTimeout(() => {
      this.chores.renew().then(
        ({ lastId, wallMs }) => {
          if (this.failure !== undefined && !this.isStopped) this.log.info("The message store commits again.");
          this.failure = undefined;
          this.idsAhead.renewed(lastId, wallMs);
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

  private lookLater(delayMs: number): void {
    if (this.isStopped) return;
    this.lookTimer = setTimeout(() => {
      this.look().then(
        () => this.lookLater(lookEveryMs),
        (error: unknown) => {
          this.log.debug("It could not be found out what is old; it is tried again.", { reason: sentenceOf(error) });
          this.lookLater(lookEveryMs);
        },
      );
    }, delayMs);
    this.lookTimer.unref();
  }

  /** What is old is deleted after a look only, and nothing is where a look found nothing out. */
  private async look(): Promise<void> {
    const look = await this.chores.look();
    if (look?.messages === undefined) return;
    await this.notice.looked(look.messages, look.wallMs);
    if (!this.isPurging) this.purgeLater(0n, 0);
  }

  private purgeLater(above: bigint, delayMs: number): void {
    this.isPurging = !this.isStopped;
    if (this.isStopped) return;
    this.purgeTimer = setTimeout(() => {
      this.chores.purge(above).then(
        (next) => {
          if (next === undefined) this.isPurging = false;
          else this.purgeLater(next, purgePauseMs);
        },
        (error: unknown) => {
          this.isPurging = false;
          this.log.debug("Old messages could not be deleted; it is tried again.", { reason: sentenceOf(error) });
        },
      );
    }, delayMs);
    this.purgeTimer.unref();
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
