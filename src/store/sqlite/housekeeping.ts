// What the store does in the background: it renews the node number's lease; while there is traffic it moves the
// write-ahead log into the file and the end of the messages into the index; it deletes what is older than the retention
// (purge-rounds.ts), and tells whether the store can commit.

import { assert } from "../../base/assert.ts";
import type { Log } from "../../base/log.ts";
import { backgroundTime, type Time } from "../../base/runtime.ts";
import { type Cancel, every } from "../../base/timers.ts";
import { ClockNotices } from "../clock-notices.ts";
import { StoreDamaged, type StoreUnavailable } from "../store.ts";
import { renewAfterMs } from "./node-lease.ts";
import type { RequestTarget } from "./protocol.ts";
import { PurgeRounds } from "./purge-rounds.ts";

const dayMs = 86_400_000;
const tidyEveryMs = 100;
/** The reader takes in what was committed this often, so that a question finds little to take in. */
const followEveryMs = 20;
/**
 * Between two pieces of work on the index it rests twice as long as it has worked, within bounds: commits and reads go
 * first, unless it is late.
 */
const compactionRests = 2;
const compactionPauseMsMin = 4;
const compactionPauseMsMax = 100;
/** While the store cannot commit, it is tried this often. */
const probeEveryMs = 1_000;
/** Whether the files are still there is seen at each commit, and this often without any. */
const guardEveryMs = 1_000;
const damageEveryMs = 60_000;

export class Housekeeping {
  isHealthy = true;
  readonly clock: ClockNotices;
  /** Why the store cannot commit. */
  private failure: string | undefined;
  /** What of the log cannot be read. */
  private damage: string | undefined;
  private damageSaidMs = -Infinity;
  private readonly writer: RequestTarget;
  private readonly reader: RequestTarget;
  private readonly compactor: RequestTarget;
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

  constructor(
    threads: { readonly writer: RequestTarget; readonly reader: RequestTarget; readonly compactor: RequestTarget },
    retentionDays: number,
    log: Log,
    time: Time = backgroundTime,
  ) {
    this.time = time;
    this.writer = threads.writer;
    this.reader = threads.reader;
    this.compactor = threads.compactor;
    this.log = log;
    this.clock = new ClockNotices(log, () => time.clock.monotonicMs());
    this.renewLater(renewAfterMs);
    this.endGuard = every(time.timers, guardEveryMs, () => this.guard());
    this.purge = new PurgeRounds(threads, retentionDays * dayMs, this.clock, log, () => this.tidyLater(), time.timers);
  }

  /** A sentence for the operator; '' when all is well. */
  get trouble(): string {
    return this.failure ?? this.damage ?? "";
  }

  /** Told of every batch: why it failed, or undefined. */
  committed(failure: StoreUnavailable | undefined): void {
    if (failure instanceof StoreDamaged) {
      // Others may be committed: that is tried at once.
      if (this.isHealthy) this.renewLater(0);
    } else if (failure !== undefined) {
      this.judge(failure.message);
    }
    // After a failed one too: it may be that the index lags behind, and that somebody else kept it until now.
    this.tidyLater();
    if (failure === undefined) this.followLater();
  }

  /** Told of every request that met damage of the log; said now and then. */
  damaged(sentence: string): void {
    this.damage = sentence;
    const nowMs = this.time.clock.monotonicMs();
    if (this.isStopped || nowMs - this.damageSaidMs < damageEveryMs) return;
    this.damageSaidMs = nowMs;
    this.log.error("Messages are damaged; requests that need them are refused, all others are served.", {
      reason: sentence,
    });
  }

  stop(): void {
    this.isStopped = true;
    this.endGuard();
    this.cancelRenewal?.();
    this.purge.stop();
    this.cancelTidying?.();
    this.cancelFollowing?.();
  }

  /** Where it cannot commit only a renewal, which shows more than a small batch, says that it can again. */
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

  /** What was committed into a file that was taken away since is saved before anything happens to this process. */
  private guard(): void {
    if (!this.isHealthy || this.isGuarding) return;
    this.isGuarding = true;
    this.writer.call({ kind: "guard" }).then(
      () => {
        this.isGuarding = false;
      },
      (error: unknown) => {
        this.isGuarding = false;
        this.judge(sentenceOf(error));
      },
    );
  }

  private renewLater(delayMs: number): void {
    this.cancelRenewal?.();
    if (this.isStopped) return;
    this.cancelRenewal = this.time.timers.after(delayMs, () => {
      this.writer.call({ kind: "renew", proof: !this.isHealthy }).then(
        (answer) => {
          this.judge(undefined);
          if (answer.kind === "renewed") this.clock.sawIds(answer.aheadMs);
          this.renewLater(renewAfterMs);
        },
        (error: unknown) => {
          this.judge(sentenceOf(error));
          this.renewLater(probeEveryMs);
        },
      );
    });
  }

  private followLater(): void {
    if (this.isFollowDue || this.isStopped) return;
    this.isFollowDue = true;
    this.cancelFollowing = this.time.timers.after(followEveryMs, () => {
      this.reader.call({ kind: "follow" }).then(
        () => {
          this.isFollowDue = false;
        },
        (error: unknown) => {
          this.isFollowDue = false;
          this.log.debug("The reader could not follow the log; the next question has more to do.", {
            reason: sentenceOf(error),
          });
        },
      );
    });
  }

  private tidyLater(delayMs = tidyEveryMs): void {
    if (this.isTidyDue || this.isStopped) return;
    this.isTidyDue = true;
    this.cancelTidying = this.time.timers.after(delayMs, () => {
      this.tidy().then(
        (restMs) => {
          this.isTidyDue = false;
          if (!this.isTidy) this.log.info("The message store's files are in order again.");
          this.isTidy = true;
          if (restMs > 0) this.tidyLater(restMs);
        },
        (error: unknown) => {
          this.isTidyDue = false;
          this.tidyLater(probeEveryMs);
          // Said once.
          if (this.isTidy && !this.isStopped) {
            this.log.warn(
              "The message store's files cannot be put in order; it is tried again. Memory grows until then.",
              {
                reason: sentenceOf(error),
              },
            );
          }
          this.isTidy = false;
        },
      );
    });
  }

  /** Resolves with how long to rest before the next piece of work, in milliseconds; 0: there is none. */
  private async tidy(): Promise<number> {
    const { clock } = this.time;
    const checkpointDueMs = this.checkpointedMs + tidyEveryMs - clock.monotonicMs();
    if (checkpointDueMs <= 0) await this.checkpoint();
    if (this.isStopped) return 0;
    const startMs = clock.monotonicMs();
    const compacted = await this.compactor.call({ kind: "compact" });
    assert(compacted.kind === "compacted", "a step of compaction is answered with how it went");
    if (!compacted.more) return Math.max(0, checkpointDueMs);
    if (compacted.isLate) return compactionPauseMsMin;
    return Math.min(
      compactionPauseMsMax,
      Math.max(compactionPauseMsMin, compactionRests * (clock.monotonicMs() - startMs)),
    );
  }

  private async checkpoint(): Promise<void> {
    const answer = await this.compactor.call({ kind: "checkpoint" });
    if (answer.kind === "more" && answer.more && !this.isStopped) await this.writer.call({ kind: "checkpoint" });
    this.checkpointedMs = this.time.clock.monotonicMs();
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
