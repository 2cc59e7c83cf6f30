// What the store does in the background: it renews the node number's lease, looks at the clocks, deletes what is older
// than the retention, and tells whether the store can commit. While it cannot, nothing is tried but a renewal every
// second: whoever asks is refused at once and not after a time limit, and no queue grows.

import type { Log } from "../../base/log.ts";
import { backgroundTimers, type Cancel, type Timers } from "../../base/timers.ts";
import { ClockNotices } from "../clock-notices.ts";
import { purgePauseMs } from "../purge.ts";
import { timeOfId } from "../snowflake.ts";
import type { Look } from "./horizons.ts";
import { renewAfterMs } from "./writer-lock.ts";
import type { Renewal } from "./writer.ts";

/** While the store cannot commit, it is tried this often. */
const probeEveryMs = 1_000;
const lookEveryMs = 60_000;
const lookFirstMs = 500;

interface Chores {
  /** Renews the lease; rejects when the store cannot commit. */
  renew(): Promise<Renewal>;
  /** Looks at the clocks and moves the horizons; undefined: it could not be found out how they run. */
  look(): Promise<Look | undefined>;
  /** Takes back a part of the groups whose creation was given up. */
  dropUnfinished(): Promise<void>;
  /**
   * Deletes a slice of what is older than the horizon, from id `above` on, of the store of this life; where to go on, or
   * undefined at the end.
   */
  purge(life: string, above: bigint): Promise<bigint | undefined>;
  /** Counts the messages of the store of this life up to an id, up to `surveyMessagesMax` + 1 of them. */
  count(life: string, endId: bigint): Promise<number>;
}

export class Housekeeping {
  /** Why the store cannot commit; undefined while it can. */
  failure: string | undefined;
  readonly clock: ClockNotices;
  private readonly chores: Chores;
  private readonly log: Log;
  private isStopped = false;
  private isPurging = false;
  /** Up to this id all is deleted in the store of this life; what a deletion leaves behind would be read again otherwise. */
  private purged = { life: "", to: 0n };
  private readonly timers: Timers;
  private cancelRenewal: Cancel | undefined;
  private cancelLook: Cancel | undefined;
  private cancelPurge: Cancel | undefined;

  /** `failure`: why the store cannot commit from the beginning on. */
  constructor(chores: Chores, monotonicMs: () => number, log: Log, failure?: string, timers = backgroundTimers) {
    this.timers = timers;
    this.failure = failure;
    this.chores = chores;
    this.log = log;
    this.clock = new ClockNotices(log, monotonicMs);
    this.renewLater(failure === undefined ? renewAfterMs : probeEveryMs);
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

  /** Told that the writer's connection or its store is gone: what there is, is found out before anybody asks. */
  lost(): void {
    if (this.failure === undefined) this.renewLater(0);
  }

  stop(): void {
    this.isStopped = true;
    this.cancelRenewal?.();
    this.cancelLook?.();
    this.cancelPurge?.();
  }

  private renewLater(delayMs: number): void {
    this.cancelRenewal?.();
    if (this.isStopped) return;
    this.cancelRenewal = this.timers.after(delayMs, () => {
      this.chores.renew().then(
        ({ lastId, wallMs }) => {
          if (this.failure !== undefined && !this.isStopped) this.log.info("The message store commits again.");
          this.failure = undefined;
          this.sawIds(lastId, wallMs);
          this.renewLater(renewAfterMs);
        },
        (error: unknown) => {
          this.committed(sentenceOf(error));
          this.renewLater(probeEveryMs);
        },
      );
    });
  }

  private lookLater(delayMs: number): void {
    if (this.isStopped) return;
    this.cancelLook = this.timers.after(delayMs, () => {
      this.chores.dropUnfinished().catch((error: unknown) => {
        this.log.debug("Unfinished groups could not be taken back; it is tried again.", { reason: sentenceOf(error) });
      });
      this.look().then(
        () => this.lookLater(lookEveryMs),
        (error: unknown) => {
          this.log.debug("It could not be found out what is old; it is tried again.", { reason: sentenceOf(error) });
          this.lookLater(lookEveryMs);
        },
      );
    });
  }

  /** What is old is deleted after a look only, and nothing is where a look found nothing out. */
  private async look(): Promise<void> {
    const look = await this.chores.look();
    if (look === undefined || this.isStopped) return;
    this.sawIds(look.lastId, look.wallMs);
    this.clock.sawPurge(look.waitMs, look.wallMs, () => this.chores.count(look.life, look.goneUpTo));
    if (look.keepsAll || this.isPurging) return;
    this.isPurging = true;
    if (this.purged.life !== look.life) this.purged = { life: look.life, to: 0n };
    this.purgeLater(this.purged.to, 0);
  }

  private sawIds(lastId: bigint, wallMs: number): void {
    this.clock.sawIds(lastId === 0n ? 0 : Math.max(0, timeOfId(lastId) - wallMs));
  }

  private purgeLater(above: bigint, delayMs: number): void {
    if (this.isStopped) return;
    this.cancelPurge = this.timers.after(delayMs, () => {
      const { life } = this.purged;
      this.chores.purge(life, above).then(
        (next) => {
          this.purged = { life, to: next ?? above };
          if (next === undefined) this.isPurging = false;
          else this.purgeLater(next, purgePauseMs);
        },
        (error: unknown) => {
          this.isPurging = false;
          this.purged = { life, to: 0n };
          this.log.debug("Old messages could not be deleted; it is tried again.", { reason: sentenceOf(error) });
        },
      );
    });
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
