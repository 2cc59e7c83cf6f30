// The fine wall clock: follows a clock that is set, and is as fine as the monotonic one in between.

import { expect, test } from "bun:test";
import { systemClock, wallNsFrom } from "../../src/base/clock.ts";
import { Random, testSeed } from "../support/random.ts";
import { realNs } from "../support/real-clock.ts";

const begunMs = Date.UTC(2026, 0, 1);

/** A machine whose clocks a test sets: `passes` lets time go by, `steps` sets the wall clock only. */
class Machine {
  private wall: number = begunMs;
  private monotonic = 5_000;
  readonly wallMs = (): number => Math.floor(this.wall);
  readonly monotonicMs = (): number => this.monotonic;

  passes(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
  }

  steps(ms: number): void {
    this.wall += ms;
  }

  /** By its true wall clock, since the beginning. */
  get passedMs(): number {
    return this.wall - begunMs;
  }
}

/** Nanoseconds since the beginning. */
const nanoseconds = (ns: bigint): number => Number(ns - BigInt(begunMs) * 1_000_000n);

test("is finer than a millisecond, and rises with the time that passes, however long", () => {
  const machine = new Machine();
  const wallNs = wallNsFrom(machine);
  let last = wallNs();
  for (let count = 0; count < 10_000; count++) {
    machine.passes(0.375);
    const next = wallNs();
    // The first ones find out where the coarse clock ticks.
    if (count > 10) expect(Number(next - last)).toBeWithin(374_999, 375_002);
    last = next;
  }
});

test("knows the true time by the first tick of the coarse clock", () => {
  const machine = new Machine();
  machine.passes(0.4);
  // Each reading takes a microsecond.
  const wallNs = wallNsFrom({
    wallMs: machine.wallMs,
    monotonicMs: () => {
      machine.passes(0.001);
      return machine.monotonicMs();
    },
  });
  for (let count = 0; count < 3; count++) {
    const readNs = nanoseconds(wallNs());
    const trueNs = machine.passedMs * 1e6;
    expect(readNs).toBeGreaterThanOrEqual(Math.floor(trueNs));
    expect(readNs).toBeLessThanOrEqual(trueNs + 3_000);
  }
});

test("is never less than the true time and at most a millisecond more, after any step, and comes closer to it", () => {
  const random = new Random(testSeed("fine wall clock"));
  const machine = new Machine();
  const wallNs = wallNsFrom(machine);
  const steps = [0, 3_600_000, -7_200_000, 10, -10, 0.2, -0.2, 1, -1];
  for (const stepMs of [...steps, ...steps.map(() => random.below(4_000) / 1_000 - 2)]) {
    machine.passes(100);
    machine.steps(stepMs);
    let overNs = Infinity;
    for (let reading = 0; reading < 5_000; reading++) {
      machine.passes(random.below(3_000) / 1_000);
      const nowOverNs = nanoseconds(wallNs()) - machine.passedMs * 1e6;
      // A step of less than a millisecond shows when the coarse clock ticks.
      if (reading > 2_000) expect(nowOverNs).toBeWithin(-12_000, 1_000_001);
      expect(nowOverNs).toBeWithin(-1_000_001, 1_000_001);
      overNs = nowOverNs;
    }
    expect(overNs).toBeLessThan(20_000);
  }
});

test("the machine's own is the machine's", () => {
  for (let count = 0; count < 10_000; count++) {
    const beforeNs = realNs();
    const ns = systemClock.wallNs();
    // The reading itself is true; another process may have had the processor when its tick came.
    expect(ns).toBeGreaterThanOrEqual(beforeNs - 10_000n);
    expect(ns).toBeLessThanOrEqual(realNs() + 1_000_000n);
  }
});
