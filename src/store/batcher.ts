// Group commit: calls that arrive while a batch is being committed go together into the next one. So an idle store
// commits immediately, and a busy one pays one disk sync for hundreds of messages. A busy store also pauses before it
// hands over the next batch, because small batches would spend the processor on commits.
//
// A call (one append, one join, …) is never split between commits. Calls settle in order.

import { systemRuntime, type Time } from "../base/runtime.ts";
import type { Cancel } from "../base/timers.ts";
import { StoreDamaged, StoreUnavailable } from "./store.ts";

const batchesInFlightMax = 2;
/**
 * A second batch is handed over, behind the one that is being committed, if its calls cost this much: that keeps the
 * writer
 * busy under full load. Smaller ones would cost a disk sync each and lengthen the tail of the latency at half load.
 */
const secondBatchCostMin = 256;
/**
 * Batches are a millisecond apart for this many jobs of the earlier one, up to the maximum, unless `secondBatchCostMin`
 * is reached. So the pause grows with the load, and a single message is committed immediately.
 */
const pauseJobsPerMs = 16;
const pauseMsMax = 2;
/** Timers have a resolution of a millisecond: a shorter pause is not worth one. */
const pauseMsMin = 0.5;
/** A store that needed a second batch is saturated for this long: most of the time it needs one again. */
const saturatedMs = 100;
/** The bound on the cost of a batch: longer transactions only delay everybody. */
const batchCostMax = 512;
/** The bound on a batch's characters. */
const batchCharactersMax = 4 * 1024 * 1024;
const queuedCostMax = 50_000;
const queuedCharactersMax = 64 * 1024 * 1024;

interface Call<Job, Committed> {
  readonly jobs: readonly Job[];
  readonly characters: number;
  /** In messages. */
  readonly cost: number;
  /** `start`: the position of the call's first job in the batch. */
  settle(committed: Committed, start: number): void;
  reject(error: Error): void;
}

/** `Job`: a write. `Committed`: what a commit says of all jobs of its batch. */
export class Batcher<Job, Committed> {
  private readonly commit: (jobs: readonly Job[]) => Promise<Committed>;
  private readonly observe: (failure: StoreUnavailable | undefined) => void;
  private readonly mayShare: (first: Job, next: Job) => boolean;
  private queue: Call<Job, Committed>[] = [];
  private queuedCost = 0;
  private queuedCharacters = 0;
  private inFlight = 0;
  private isScheduled = false;
  private pausedUntilMs = 0;
  private saturatedUntilMs = -Infinity;
  private cancelPause: Cancel | undefined;
  private readonly time: Time;
  private drained: (() => void)[] = [];

  /**
   * `commit` passes a batch to the writer; `observe` receives why each batch failed, or undefined. `mayShare` decides
   * from their first jobs whether two calls may be in one batch; by default all may.
   */
  constructor(
    commit: (jobs: readonly Job[]) => Promise<Committed>,
    observe: (failure: StoreUnavailable | undefined) => void,
    mayShare: (first: Job, next: Job) => boolean = () => true,
    time: Time = systemRuntime,
  ) {
    this.time = time;
    this.commit = commit;
    this.observe = observe;
    this.mayShare = mayShare;
  }

  /**
   * Queues jobs that commit together; `cost` is in messages. `read` finds their results behind `start`. Rejects with
   * StoreUnavailable, or with what `read` throws.
   */
  add<T>(
    jobs: readonly Job[],
    characters: number,
    read: (committed: Committed, start: number) => T,
    cost: number = jobs.length,
  ): Promise<T> {
    if (this.queuedCost >= queuedCostMax || this.queuedCharacters >= queuedCharactersMax) {
      return Promise.reject(new StoreUnavailable("too many requests are waiting for the store"));
    }
    return new Promise((resolve, reject) => {
      const done = (committed: Committed, start: number): void => {
        try {
          resolve(read(committed, start));
        } catch (error) {
          reject(error);
        }
      };
      this.queue.push({ jobs, characters, cost, settle: done, reject });
      this.queuedCost += cost;
      this.queuedCharacters += characters;
      if (this.isScheduled || !this.mayHandOver()) return;
      this.isScheduled = true;
      // Deferred, so that the calls of one turn of the event loop go together.
      this.time.timers.soon(() => {
        this.isScheduled = false;
        this.flush();
      });
    });
  }

  /** More came during a commit than a small batch, now or a moment ago. */
  get isSaturated(): boolean {
    return this.time.clock.monotonicMs() < this.saturatedUntilMs;
  }

  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.drained.push(resolve);
      this.flush();
    });
  }

  refuseQueued(error: StoreUnavailable): void {
    const calls = this.queue;
    this.queue = [];
    this.queuedCost = 0;
    this.queuedCharacters = 0;
    for (const call of calls) call.reject(error);
  }

  private flush(): void {
    if (this.isPaused()) return;
    while (this.mayHandOver()) this.handOver(this.takeCalls());
    if (this.inFlight > 0 || this.queue.length > 0) return;
    for (const resolve of this.drained.splice(0)) resolve();
  }

  /** Whether a small batch must still wait after the last one; schedules `flush` for the end of the pause. */
  private isPaused(): boolean {
    const isUrgent = this.queuedCost >= secondBatchCostMin || this.drained.length > 0;
    if (this.cancelPause !== undefined && !isUrgent) return true;
    this.cancelPause?.();
    this.cancelPause = undefined;
    const leftMs = this.pausedUntilMs - this.time.clock.monotonicMs();
    if (isUrgent || this.queue.length === 0 || leftMs < pauseMsMin) return false;
    this.cancelPause = this.time.timers.after(leftMs, () => {
      this.cancelPause = undefined;
      this.pausedUntilMs = 0;
      this.flush();
    });
    return true;
  }

  private mayHandOver(): boolean {
    if (this.queue.length === 0) return false;
    return this.inFlight === 0 || (this.inFlight < batchesInFlightMax && this.queuedCost >= secondBatchCostMin);
  }

  private takeCalls(): Call<Job, Committed>[] {
    let count = 0;
    let cost = 0;
    let characters = 0;
    const [first] = this.queue[0]?.jobs ?? [];
    for (const call of this.queue) {
      const [next] = call.jobs;
      if (count > 0 && cost + call.cost > batchCostMax) break;
      if (count > 0 && characters + call.characters > batchCharactersMax) break;
      if (first !== undefined && next !== undefined && !this.mayShare(first, next)) break;
      count++;
      cost += call.cost;
      characters += call.characters;
    }
    this.queuedCharacters -= characters;
    this.queuedCost -= cost;
    if (count < this.queue.length) return this.queue.splice(0, count);
    const calls = this.queue;
    this.queue = [];
    return calls;
  }

  private handOver(calls: readonly Call<Job, Committed>[]): void {
    this.inFlight++;
    const jobs: Job[] = [];
    for (const call of calls) for (const job of call.jobs) jobs.push(job);
    const nowMs = this.time.clock.monotonicMs();
    if (this.inFlight > 1) this.saturatedUntilMs = nowMs + saturatedMs;
    this.pausedUntilMs = nowMs + Math.min(pauseMsMax, jobs.length / pauseJobsPerMs);
    this.commit(jobs).then(
      (committed) => {
        this.inFlight--;
        this.observe(undefined);
        this.flush();
        settle(calls, committed);
      },
      (error: unknown) => {
        if (error instanceof StoreDamaged && calls.length > 1) {
          this.commitOneByOne(calls).catch(() => undefined);
          return;
        }
        this.inFlight--;
        const failure = error instanceof StoreUnavailable ? error : new StoreUnavailable(String(error));
        this.observe(failure);
        for (const call of calls) call.reject(failure);
        this.flush();
      },
    );
  }

  /** One of the calls needs damaged content: commits each call alone, in order, so that only that one fails. */
  private async commitOneByOne(calls: readonly Call<Job, Committed>[]): Promise<void> {
    for (const call of calls) {
      try {
        const committed = await this.commit(call.jobs);
        this.observe(undefined);
        settle([call], committed);
      } catch (error) {
        const failure = error instanceof StoreUnavailable ? error : new StoreUnavailable(String(error));
        this.observe(failure);
        call.reject(failure);
      }
    }
    this.inFlight--;
    this.flush();
  }
}

function settle<Job, Committed>(calls: readonly Call<Job, Committed>[], committed: Committed): void {
  let start = 0;
  for (const call of calls) {
    call.settle(committed, start);
    start += call.jobs.length;
  }
}
