// Group commit: what is asked while a batch is with the writer goes together into the next one. So an idle store commits
// at once, and a busy one pays one disk sync for hundreds of talks. A busy one also waits a little before it hands over
// the next batch: with small ones the processor that everybody waits for does nothing but commit.
//
// A call (one append, one join, …) is never split over two commits. Calls are settled in their order.

import { systemRuntime, type Time } from "../base/runtime.ts";
import type { Cancel } from "../base/timers.ts";
import { outcomeSlots, type Job, type Slots } from "./jobs.ts";
import { StoreDamaged, StoreUnavailable } from "./store.ts";

const batchesInFlightMax = 2;
/**
 * A second batch is handed over, behind the one that commits, when what waits costs as much as this many talks: it keeps the writer busy under
 * full load. Smaller ones would cost a disk sync each and make the tail of the latency longer at half load.
 */
const secondBatchCostMin = 256;
/**
 * Batches are handed over a millisecond apart for so many jobs of the earlier one, and this long at most, unless
 * `secondBatchCostMin` jobs wait. So the pause grows with the load: alone, a talk is committed at once. Where a commit
 * takes longer there is none.
 */
const pauseJobsPerMs = 16;
const pauseMsMax = 2;
/** Timers are exact to a millisecond: less than this is not worth one. */
const pauseMsMin = 0.5;
/** A batch takes calls until they cost as much as this many talks: longer transactions only make everybody wait. */
const batchCostMax = 512;
/** The same in characters: of long texts it takes fewer. */
const batchCharactersMax = 4 * 1024 * 1024;
const queuedCostMax = 50_000;
const queuedCharactersMax = 64 * 1024 * 1024;

interface Call {
  readonly jobs: readonly Job[];
  readonly characters: number;
  /** In talks. */
  readonly cost: number;
  settle(slots: Slots): void;
  reject(error: Error): void;
}

export class Batcher {
  private readonly commit: (jobs: readonly Job[]) => Promise<BigInt64Array>;
  private readonly observe: (failure: StoreUnavailable | undefined) => void;
  private readonly mayShare: (first: Job, next: Job) => boolean;
  private queue: Call[] = [];
  private queuedCost = 0;
  private queuedCharacters = 0;
  private inFlight = 0;
  private isScheduled = false;
  /** No small batch goes before this moment. */
  private pausedUntilMs = 0;
  /** Ends the pause, while there is one. */
  private cancelPause: Cancel | undefined;
  private readonly time: Time;
  private drained: (() => void)[] = [];

  /**
   * `commit` hands a batch to the writer; `observe` is told how each one ended: why it failed, or undefined. Calls go into
   * one batch only where their first jobs may share it: all may, unless said otherwise.
   */
  constructor(
    commit: (jobs: readonly Job[]) => Promise<BigInt64Array>,
    observe: (failure: StoreUnavailable | undefined) => void,
    mayShare: (first: Job, next: Job) => boolean = () => true,
    time: Time = systemRuntime,
  ) {
    this.time = time;
    this.commit = commit;
    this.observe = observe;
    this.mayShare = mayShare;
  }

  /** Queues jobs that commit together and cost as much as `cost` talks; rejects with StoreUnavailable when the queue is full or the commit failed. */
  add<T>(jobs: readonly Job[], characters: number, read: (slots: Slots) => T, cost: number = jobs.length): Promise<T> {
    if (this.queuedCost >= queuedCostMax || this.queuedCharacters >= queuedCharactersMax) {
      return Promise.reject(new StoreUnavailable("too much waits for the store already"));
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ jobs, characters, cost, settle: (slots) => resolve(read(slots)), reject });
      this.queuedCost += cost;
      this.queuedCharacters += characters;
      if (this.isScheduled || !this.mayHandOver()) return;
      this.isScheduled = true;
      // At the turn's end: what one turn of the event loop asks goes together.
      this.time.timers.soon(() => {
        this.isScheduled = false;
        this.flush();
      });
    });
  }

  /** Resolves when everything queued so far is settled. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.drained.push(resolve);
      this.flush();
    });
  }

  /** Rejects what waits and was not handed over. */
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

  /** True: too little waits too soon after the last batch. `flush` is called again in time. */
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

  private takeCalls(): Call[] {
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

  private handOver(calls: readonly Call[]): void {
    this.inFlight++;
    const jobs: Job[] = [];
    for (const call of calls) for (const job of call.jobs) jobs.push(job);
    this.pausedUntilMs = this.time.clock.monotonicMs() + Math.min(pauseMsMax, jobs.length / pauseJobsPerMs);
    this.commit(jobs).then(
      (numbers) => {
        this.inFlight--;
        this.observe(undefined);
        this.flush();
        settle(calls, numbers);
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

  /** One of the calls needs what is damaged: each is committed alone, in order, so that it alone fails. */
  private async commitOneByOne(calls: readonly Call[]): Promise<void> {
    for (const call of calls) {
      try {
        const numbers = await this.commit(call.jobs);
        this.observe(undefined);
        settle([call], numbers);
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

function settle(calls: readonly Call[], numbers: BigInt64Array): void {
  let base = 0;
  for (const call of calls) {
    const start = base;
    call.settle((job, slot) => numbers[(start + job) * outcomeSlots + slot] ?? 0n);
    base += call.jobs.length;
  }
}
