// The store's background work: renewing the lease of the node number, looking at the clocks, deleting messages beyond
// the retention. It also tracks whether the store can commit: while it cannot, only a renewal is tried every second,
// and requests are refused immediately instead of after a time limit.

import type { Log } from "../../base/log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import type { Time } from "../../base/runtime.ts";
import type { Cancel, Timers } from "../../base/timers.ts";
import { ClockNotices } from "../clock-notices.ts";
import { purgePauseMs } from "../purge.ts";
import { SizeWatch } from "../size-watch.ts";
import type { StoreSize } from "../store-size.ts";
import { timeOfId } from "../snowflake.ts";
import type { Look } from "./horizons.ts";
import type { Renewal } from "./writer.ts";

const probeEveryMs = 1_000;
const lookEveryMs = 60_000;
const lookFirstMs = 500;

interface Chores {
  /** The time from one renewal to the next; at most that of the lease. */
  readonly renewEveryMs: number;
  /** Renews the lease; rejects if the store cannot commit. */
  renew(): Promise<Renewal>;
  /** Looks at the clocks and moves the horizons; undefined without a result. */
  look(): Promise<Look | undefined>;
  dropUnfinished(): Promise<void>;
  /** Removes a slice of what ended groups leave, and of what is behind watermarks of apps; true if there is more. */
  clean(): Promise<boolean>;
  /** Deletes a slice beyond the horizon, above id `above`, of the store of this life; returns the next id. */
  purge(life: string, above: bigint): Promise<bigint | undefined>;
  /** Counts the messages of the store of this life up to an id, up to `surveyMessagesMax` + 1. */
  count(life: string, endId: bigint): Promise<number>;
  size(): Promise<StoreSize>;
}

export class Housekeeping {
  /** Why the store cannot commit; undefined if it can. */
  failure: string | undefined;
  readonly clock: ClockNotices;
  readonly sizes: SizeWatch;
  private readonly chores: Chores;
  private readonly timers: Timers;
  private readonly monotonicMs: () => number;
  private readonly log: Log;
  private isStopped = false;
  private isPurging = false;
  /** Everything up to `to` is deleted in the store of this life; without it, dead rows would be read again. */
  private purged = { life: "", to: 0n };
  private cancelRenewal: Cancel | undefined;
  private cancelLook: Cancel | undefined;
  private cancelPurge: Cancel | undefined;
  private isCleaning = false;
  private cancelCleaning: Cancel | undefined;

  constructor(chores: Chores, { clock, timers }: Time, log: Log, failure?: string) {
    this.timers = timers;
    this.monotonicMs = () => clock.monotonicMs();
    this.failure = failure;
    this.chores = chores;
    this.log = log;
    this.clock = new ClockNotices(log, clock);
    this.sizes = new SizeWatch(() => chores.size(), timers);
    this.renewLater(failure === undefined ? chores.renewEveryMs : probeEveryMs);
    this.lookLater(lookFirstMs);
  }

  /** Takes the result of each batch: why it failed, or undefined. */
  committed(failure: string | undefined): void {
    // A batch that was sent before the failure proves nothing: only a renewal ends it.
    if (failure === undefined || this.failure !== undefined || this.isStopped) return;
    this.failure = failure;
    this.log.error("The message store cannot commit; requests are refused until it can.", { reason: failure });
    this.renewLater(0);
  }

  /** A renewal failed, perhaps for another reason than the batch before. */
  private stillFails(failure: string): void {
    if (this.failure === undefined || this.failure === failure) return this.committed(failure);
    this.failure = failure;
    this.log.warn("The message store still cannot commit.", { reason: failure });
  }

  /** The writer's connection or its store is gone: renews the lease before the next request. */
  lost(): void {
    if (this.failure === undefined) this.renewLater(0);
  }

  stop(): void {
    this.isStopped = true;
    this.sizes.stop();
    this.cancelRenewal?.();
    this.cancelLook?.();
    this.cancelPurge?.();
    this.cancelCleaning?.();
  }

  private renewLater(delayMs: number): void {
    this.cancelRenewal?.();
    if (this.isStopped) return;
    this.cancelRenewal = this.timers.after(delayMs, () => {
      const begunMs = this.monotonicMs();
      this.chores.renew().then(
        ({ lastId, wallMs }) => {
          if (this.failure !== undefined && !this.isStopped) this.log.info("The message store commits again.");
          this.failure = undefined;
          this.sawIds(lastId, wallMs);
          this.renewLater(this.chores.renewEveryMs);
        },
        (error: unknown) => {
          this.stillFails(reasonOf(error));
          // Where a host is silent it takes that long by itself.
          this.renewLater(Math.max(0, begunMs + probeEveryMs - this.monotonicMs()));
        },
      );
    });
  }

  private lookLater(delayMs: number): void {
    if (this.isStopped) return;
    this.cancelLook = this.timers.after(delayMs, () => {
      this.chores.dropUnfinished().catch((error: unknown) => {
        this.log.debug("Deleting unfinished groups failed; retrying.", { reason: reasonOf(error) });
      });
      if (!this.isCleaning) this.cleanLater(0);
      void this.look()
        .catch((error: unknown) => {
          this.log.debug("Finding old messages failed; retrying.", { reason: reasonOf(error) });
        })
        .finally(() => this.lookLater(lookEveryMs));
    });
  }

  private cleanLater(delayMs: number): void {
    this.isCleaning = !this.isStopped;
    if (this.isStopped) return;
    this.cancelCleaning = this.timers.after(delayMs, () => {
      this.chores.clean().then(
        (isMore) => {
          this.isCleaning = false;
          if (isMore) this.cleanLater(purgePauseMs);
        },
        (error: unknown) => {
          this.isCleaning = false;
          this.log.debug("Cleaning up after ended groups and retentions failed; retrying.", {
            reason: reasonOf(error),
          });
        },
      );
    });
  }

  /** Deletion follows a look, and only if the look has a result. */
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
          this.log.debug("Deleting old messages failed; retrying.", { reason: reasonOf(error) });
        },
      );
    });
  }
}
