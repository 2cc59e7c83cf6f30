// The fine wall clock: follows a clock that is set, and is as fine as the monotonic one in between.

import { expect, test } from "bun:test";
import { systemClock, wallNsFrom } from "../../src/base/clock.ts";

const begunMs = Date.UTC(2026, 0, 1);

/** A machine whose clocks a test sets: `passes` lets time go by, `steps` sets the wall clock only. */
class Machine {
  private wall = begunMs;
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
}

/** Microseconds since the beginning. */
const microseconds = (ns: bigint): number => Number(ns / 1000n) - begunMs * 1e3;

test("is finer than a millisecond", () => {
  const machine = new Machine();
  const wallNs = wallNsFrom(machine);
  machine.passes(0.125);
  expect(microseconds(wallNs())).toBe(125);
  machine.passes(0.25);
  expect(microseconds(wallNs())).toBe(375);
});

test("rises with the time that passes, however long, while nobody sets the clock", () => {
  const machine = new Machine();
  const wallNs = wallNsFrom(machine);
  let last = wallNs();
  for (let count = 0; count < 10_000; count++) {
    machine.passes(0.375);
    const next = wallNs();
    expect(next - last).toBe(375_000n);
    last = next;
  }
});

test("follows a wall clock that is set forwards or backwards, and a machine that slept", () => {
  const machine = new Machine();
  const wallNs = wallNsFrom(machine);
  for (const stepMs of [3_600_000, -7_200_000, 10, -10]) {
    machine.passes(100);
    machine.steps(stepMs);
    const stepped = (machine.wallMs() - begunMs) * 1e3;
    expect(microseconds(wallNs())).toBe(stepped);
    machine.passes(0.5);
    expect(microseconds(wallNs())).toBe(stepped + 500);
  }
});

test("does not jump for the part of a millisecond that the coarse clock cuts off", () => {
  const machine = new Machine();
  const wallNs = wallNsFrom(machine);
  machine.passes(0.5);
  machine.steps(1);
  expect(microseconds(wallNs())).toBe(500);
});

test("the machine's own is within 2 ms of its wall clock", () => {
  const before = Date.now();
  const ns = systemClock.wallNs();
  const after = Date.now();
  expect(ns).toBeGreaterThanOrEqual(BigInt(before - 3) * 1_000_000n);
  expect(ns).toBeLessThanOrEqual(BigInt(after + 3) * 1_000_000n);
});
