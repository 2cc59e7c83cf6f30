// When batches are handed over, with a commit that ends when the test says so and a clock that stands still.

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { Batcher } from "../../src/store/batcher.ts";
import { outcomeSlots, type Job } from "../../src/store/jobs.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const job: Job = { kind: "ack", app: "app", account: "ann", device: "", messageId: "1" };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Handed {
  readonly jobs: number;
  /** Ends the commit. */
  end(): Promise<void>;
}

/** A batcher, what it has handed over, and its pause. */
class Desk {
  readonly handed: Handed[] = [];
  readonly timers = new ManualTimers();
  nowMs = 0;
  readonly batcher = new Batcher(
    (jobs) => {
      const { promise, resolve } = Promise.withResolvers<BigInt64Array>();
      const end = async (): Promise<void> => {
        resolve(new BigInt64Array(jobs.length * outcomeSlots));
        await turn();
      };
      this.handed.push({ jobs: jobs.length, end });
      return promise;
    },
    () => undefined,
    () => true,
    { clock: { ...systemClock, monotonicMs: () => this.nowMs }, timers: this.timers },
  );

  get sizes(): number[] {
    return this.handed.map(({ jobs }) => jobs);
  }

  /** Adds that many calls of one job, in one turn. */
  async add(calls: number): Promise<void> {
    for (let left = calls; left > 0; left--) void this.batcher.add([job], 0, () => undefined);
    await turn();
  }
}

test("a store without load commits what is asked at the end of the turn, one batch after the other", async () => {
  const desk = new Desk();
  await desk.add(2);
  await desk.add(3);
  expect(desk.sizes).toEqual([2]);
  await desk.handed[0]?.end();
  expect(desk.sizes).toEqual([2, 3]);
  expect(desk.timers.pending).toBe(0);
});

test("after a large batch a small one waits for the end of a pause, and takes along what comes meanwhile", async () => {
  const desk = new Desk();
  await desk.add(64);
  await desk.add(1);
  await desk.handed[0]?.end();
  await desk.add(2);
  expect(desk.sizes).toEqual([64]);
  expect(desk.timers.pending).toBe(1);
  desk.timers.advance(2);
  expect(desk.sizes).toEqual([64, 3]);
});

test("what fills a second batch ends the pause", async () => {
  const desk = new Desk();
  await desk.add(64);
  await desk.handed[0]?.end();
  await desk.add(1);
  expect(desk.sizes).toEqual([64]);
  await desk.add(256);
  expect(desk.sizes).toEqual([64, 257]);
  expect(desk.timers.pending).toBe(0);
});

test("a store is saturated when a second batch fills during a commit, and for a moment afterwards", async () => {
  const desk = new Desk();
  await desk.add(64);
  await desk.add(255);
  expect([desk.sizes, desk.batcher.isSaturated]).toEqual([[64], false]);
  await desk.add(1);
  expect([desk.sizes, desk.batcher.isSaturated]).toEqual([[64, 256], true]);
  for (const batch of desk.handed) await batch.end();
  expect(desk.batcher.isSaturated).toBe(true);
  desk.nowMs += 100;
  expect(desk.batcher.isSaturated).toBe(false);
});

test("who closes the store does not wait for the end of a pause", async () => {
  const desk = new Desk();
  await desk.add(64);
  await desk.handed[0]?.end();
  await desk.add(1);
  const drained = desk.batcher.drain();
  expect(desk.sizes).toEqual([64, 1]);
  await desk.handed[1]?.end();
  await drained;
});

test("what waits in a pause is refused when the store is given up; the end of the pause finds nothing", async () => {
  const desk = new Desk();
  await desk.add(64);
  await desk.handed[0]?.end();
  const refused = desk.batcher.add([job], 0, () => undefined);
  await turn();
  desk.batcher.refuseQueued(new StoreUnavailable("given up"));
  await expect(refused).rejects.toThrow("given up");
  desk.timers.advance(2);
  expect(desk.sizes).toEqual([64]);
});
