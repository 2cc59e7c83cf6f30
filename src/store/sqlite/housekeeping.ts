// The store's background work: renewing the lease of the node number; checkpoints and compaction while there is
// traffic; deleting messages beyond the retention (purge-rounds.ts). It also tracks whether the store can commit.

import { assert } from "../../base/assert.ts";
import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { backgroundTime, type Time } from "../../base/runtime.ts";
import { type Cancel, every } from "../../base/timers.ts";
import { ClockNotices } from "../clock-notices.ts";
import { SizeWatch } from "../size-watch.ts";
import { StoreDamaged, type StoreUnavailable } from "../store.ts";
import { renewAfterMs } from "./node-lease.ts";
import type { RequestTarget } from "./protocol.ts";
import { PurgeRounds } from "./purge-rounds.ts";

const dayMs = 86_400_000;
const tidyEveryMs = 100;
/** How often the reader takes in new commits, so that a query finds little to do. */
const followEveryMs = 20;
/** After a compaction step it pauses twice as long as the step took, within bounds: commits and reads come first. */
const compactionRests = 2;
const compactionPauseMsMin = 4;
const compactionPauseMsMax = 100;
const probeEveryMs = 1_000;
/** How often the files are checked without commits; each commit checks them, too. */
const guardEveryMs = 1_000;
const damageEveryMs = 60_000;

type HousekeepingThreads = Readonly<Record<"writer" | "reader" | "compactor", RequestTarget>>;

export class Housekeeping {
  isHealthy = true;
  readonly clock: ClockNotices;
  readonly sizes: SizeWatch;
  /** Why the store cannot commit; undefined if it can. */
  private failure: string | undefined;
  private damage: string | undefined;
  private readonly damageLog: RareLog;
  private readonly threads: HousekeepingThreads;
  private readonly purge: PurgeRounds;
  private readonly log: Log;
  private isStopped = false;
  private isTidyDue = false;
  private isGuarding = false;
  private isTidy = true;
  private checkpointedMs = -Infinity;
  private readonly time: Time;
  private readonly endGuard: Cancel;
  private cancelRenewal: Cancel | undefined;
  private cancelTidying: Cancel | undefined;
  private isFollowDue = false;
  private cancelFollowing: Cancel | undefined;

  constructor(threads: HousekeepingThreads, retentionDays: number, log: Log, time: Time = backgroundTime) {
    this.time = time;
    this.threads = threads;
    this.log = log;
    this.damageLog = new RareLog(log, time.clock, damageEveryMs);
    this.clock = new ClockNotices(log, time.clock);
    this.sizes = new SizeWatch(async () => {
      const answer = await threads.compactor.call({ kind: "size" });
      return answer.kind === "size" ? answer.size : undefined;
    }, time.timers);
    this.renewLater(renewAfterMs);
    this.endGuard = every(time.timers, guardEveryMs, () => this.guard());
    this.purge = new PurgeRounds({
      writer: threads.writer,
      compactor: threads.compactor,
      keepMs: retentionDays * dayMs,
      notices: this.clock,
      log,
      deleted: () => this.tidyLater(),
      timers: time.timers,
    });
  }

  get trouble(): string {
    return this.failure ?? this.damage ?? "";
  }

  /** Takes the result of each batch: why it failed, or undefined. */
  committed(failure: StoreUnavailable | undefined): void {
    if (failure instanceof StoreDamaged) {
      // Other batches may succeed: try now.
      if (this.isHealthy) this.renewLater(0);
    } else if (failure !== undefined) {
      this.judge(failure.message);
    }
    // After a failure, too: compaction may be behind because another process held the lock.
    this.tidyLater();
    if (failure === undefined) this.followLater();
  }

  /** Something else than a batch was written, such as a page of an import, or could not be: see `committed`. */
  wrote(): void {
    this.tidyLater();
    this.followLater();
  }

  /** Takes each request that met damage of the log; logs it at intervals. */
  damaged(sentence: string): void {
    this.damage = sentence;
    if (this.isStopped) return;
    this.damageLog.error("Messages are damaged; requests that need them are refused, all others are served.", {
      reason: sentence,
    });
  }

  /** The content is another one, or the files were opened again: damage that is still there will be met again. */
  replaced(): void {
    this.damage = undefined;
  }

  stop(): void {
    this.isStopped = true;
    this.sizes.stop();
    this.endGuard();
    this.cancelRenewal?.();
    this.purge.stop();
    this.cancelTidying?.();
    this.cancelFollowing?.();
  }

  /** After a failure only a renewal, which proves more than a small batch, shows that the store can commit. */
  private judge(failure: string | undefined): void {
    if (this.isStopped) return;
    this.failure = failure;
    const isHealthy = failure === undefined;
    if (isHealthy === this.isHealthy) return;
    this.isHealthy = isHealthy;
    if (isHealthy) {
      this.log.info("The message store commits again.");
    } else {
      this.log.error("The message store cannot commit; requests are refused until it can.", {
        reason: failure,
      });
      this.renewLater(probeEveryMs);
    }
  }

  /** Saves commits to a file that was removed since. */
  private guard(): void {
    if (!this.isHealthy || this.isGuarding) return;
    this.isGuarding = true;
    void this.threads.writer
      .call({ kind: "guard" })
      .catch((error: unknown) => this.judge(reasonOf(error)))
      .finally(() => (this.isGuarding = false));
  }

  private renewLater(delayMs: number): void {
    this.cancelRenewal?.();
    if (this.isStopped) return;
    this.cancelRenewal = this.time.timers.after(delayMs, () => {
      this.threads.writer.call({ kind: "renew", proof: !this.isHealthy }).then(
        (answer) => {
          this.judge(undefined);
          if (answer.kind === "renewed") this.clock.sawIds(answer.aheadMs);
          this.renewLater(renewAfterMs);
        },
        (error: unknown) => {
          this.judge(reasonOf(error));
          this.renewLater(probeEveryMs);
        },
      );
    });
  }

  private followLater(): void {
    if (this.isFollowDue || this.isStopped) return;
    this.isFollowDue = true;
    this.cancelFollowing = this.time.timers.after(followEveryMs, () => {
      const failed = (error: unknown): void => {
        this.log.debug("The reader could not follow the log; the next query takes longer.", {
          reason: reasonOf(error),
        });
      };
      void this.threads.reader
        .call({ kind: "follow" })
        .catch(failed)
        .finally(() => (this.isFollowDue = false));
    });
  }

  private tidyLater(delayMs = tidyEveryMs): void {
    if (this.isTidyDue || this.isStopped) return;
    this.isTidyDue = true;
    this.cancelTidying = this.time.timers.after(delayMs, () => {
      this.tidy().then(
        (restMs) => {
          this.isTidyDue = false;
          if (!this.isTidy) this.log.info("Checkpoints and compaction of the message store work again.");
          this.isTidy = true;
          if (restMs > 0) this.tidyLater(restMs);
        },
        (error: unknown) => {
          this.isTidyDue = false;
          this.tidyLater(probeEveryMs);
          // Logged once.
          if (this.isTidy && !this.isStopped) {
            this.log.warn(
              "Checkpoints or compaction of the message store fail; retrying. Memory grows until they succeed.",
              { reason: reasonOf(error) },
            );
          }
          this.isTidy = false;
        },
      );
    });
  }

  /** Resolves with the pause before the next step in milliseconds, or 0 if there is none. */
  private async tidy(): Promise<number> {
    const { clock } = this.time;
    const checkpointDueMs = this.checkpointedMs + tidyEveryMs - clock.monotonicMs();
    if (checkpointDueMs <= 0) await this.checkpoint();
    if (this.isStopped) return 0;
    const startMs = clock.monotonicMs();
    const compacted = await this.threads.compactor.call({ kind: "compact" });
    assert(compacted.kind === "compacted", "a step of compaction is answered with how it went");
    if (!compacted.more) return Math.max(0, checkpointDueMs);
    if (compacted.isLate) return compactionPauseMsMin;
    return Math.min(
      compactionPauseMsMax,
      Math.max(compactionPauseMsMin, compactionRests * (clock.monotonicMs() - startMs)),
    );
  }

  private async checkpoint(): Promise<void> {
    const answer = await this.threads.compactor.call({ kind: "checkpoint" });
    if (answer.kind === "more" && answer.more && !this.isStopped)
      await this.threads.writer.call({ kind: "checkpoint" });
    this.checkpointedMs = this.time.clock.monotonicMs();
  }
}
