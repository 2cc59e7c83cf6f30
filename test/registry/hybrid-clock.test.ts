// The hybrid logical clock: versions that grow whatever the wall clock does, and follow what other nodes say.

import { limitTable } from "../../src/base/limits/table.ts";
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Clock } from "../../src/base/clock.ts";
import { HybridClock, versionAfter } from "../../src/registry/table/hybrid-clock.ts";
import { testSeed } from "../support/random.ts";
import { beginNs, nanoseconds } from "./support.ts";

const stepNs = 1024n;
const aheadNsMax = nanoseconds(limitTable.timestampAhead.initial);

/** A wall clock that a test sets. */
class SettableClock implements Clock {
  ns = beginNs;
  passedMs = 0;

  /** Both clocks go on. */
  pass(ms: number): void {
    this.ns += nanoseconds(ms);
    this.passedMs += ms;
  }
  wallNs(): bigint {
    return this.ns;
  }
  wallMs(): number {
    return Number(this.ns / 1_000_000n);
  }
  monotonicMs(): number {
    return this.passedMs;
  }
}

function make(): { wall: SettableClock; clock: HybridClock } {
  const wall = new SettableClock();
  return { wall, clock: new HybridClock(wall, limitTable.timestampAhead.initial) };
}

test("versions grow and are multiples of 1024 ns, despite steps of the wall clock and any observation", () => {
  const step = fc.record({
    byNs: fc.bigInt(-5n * 10n ** 9n, 5n * 10n ** 9n),
    observedNs: fc.bigInt(-(10n ** 12n), 10n ** 13n),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const { wall, clock } = make();
      let last = 0n;
      for (const { byNs, observedNs } of steps) {
        wall.ns += byNs;
        const observed = wall.ns + observedNs;
        const isTaken = clock.observe(observed);
        expect(isTaken).toBe(observedNs <= aheadNsMax);
        const next = clock.next();
        expect(next % stepNs).toBe(0n);
        expect(next).toBeGreaterThan(last);
        expect(next).toBeGreaterThanOrEqual(wall.ns);
        if (isTaken) expect(next).toBeGreaterThan(observed);
        last = next;
      }
    }),
    { seed: testSeed("hybrid-clock") },
  );
});

test("follows the wall clock while that moves, and steps by 1024 ns while it stands", () => {
  const { wall, clock } = make();
  expect([clock.next(), clock.next(), clock.next()]).toEqual([beginNs, beginNs + stepNs, beginNs + 2n * stepNs]);
  wall.ns += nanoseconds(1);
  const expected = beginNs + nanoseconds(1);
  expect(clock.next() - expected).toBeLessThan(stepNs);
});

test("its reading is never behind its versions, nor behind the wall clock", () => {
  const { wall, clock } = make();
  expect(clock.reading()).toBe(beginNs);
  const version = clock.next();
  wall.ns -= nanoseconds(60_000);
  expect(clock.reading()).toBe(version);
  expect(clock.next()).toBe(version + stepNs);
  wall.ns += nanoseconds(120_000);
  expect(clock.reading()).toBeGreaterThanOrEqual(wall.ns);
});

test("a wall clock that is set back by more than half an hour is followed, once", () => {
  const { wall, clock } = make();
  wall.ns += nanoseconds(30 * 86_400_000);
  const leapt = clock.next();
  wall.ns -= nanoseconds(30 * 86_400_000);
  expect(clock.reading()).toBe(wall.ns);
  expect(clock.setBacks).toBe(0);
  expect(clock.next()).toBeLessThan(leapt);
  expect(clock.next()).toBe(wall.ns + stepNs);
  expect(clock.setBacks).toBe(1);
});

test("observing moves it up to another node's reading, and never back", () => {
  const { clock } = make();
  expect(clock.observe(beginNs + nanoseconds(60_000))).toBe(true);
  expect(clock.observe(beginNs - nanoseconds(60_000))).toBe(true);
  expect(clock.next()).toBeGreaterThan(beginNs + nanoseconds(60_000));
});

test("having moved up it keeps pace, but for a thousandth", () => {
  const { wall, clock } = make();
  clock.observe(beginNs + nanoseconds(60_000));
  wall.pass(30_000);
  expect(clock.reading()).toBeLessThan(beginNs + nanoseconds(90_000));
  expect(clock.reading()).toBeGreaterThan(beginNs + nanoseconds(89_960));
  expect(clock.next()).toBeGreaterThan(beginNs + nanoseconds(89_960));
  // What is heard and behind that changes nothing.
  clock.observe(beginNs + nanoseconds(80_000));
  expect(clock.next()).toBeGreaterThan(beginNs + nanoseconds(89_960));
  // After a thousand times the lead nothing of it is left.
  wall.pass(60_000_000);
  expect(clock.next() - wall.ns).toBeLessThan(stepNs);
});

test("the lead is kept when this machine's clock is set, and dropped when that makes it absurd", () => {
  const { wall, clock } = make();
  clock.observe(beginNs + nanoseconds(60_000));
  wall.ns += nanoseconds(60_000);
  wall.pass(10_000);
  expect(clock.next() - wall.ns).toBeLessThan(stepNs);
  wall.ns -= nanoseconds(60_000);
  wall.pass(10_000);
  expect(clock.next()).toBeGreaterThan(beginNs + nanoseconds(79_970));
  wall.ns -= nanoseconds(31 * 60_000);
  expect(clock.next() - wall.ns).toBeLessThan(stepNs);
});

test("fifteen minutes ahead are believed, a nanosecond more is not and changes nothing", () => {
  const { clock } = make();
  expect(clock.isTooFarAhead(beginNs + aheadNsMax)).toBe(false);
  expect(clock.isTooFarAhead(beginNs + aheadNsMax + 1n)).toBe(true);
  expect(clock.observe(beginNs + aheadNsMax + 1n)).toBe(false);
  expect(clock.reading()).toBe(beginNs);
  expect(clock.observe(beginNs + aheadNsMax)).toBe(true);
  expect(clock.reading()).toBeGreaterThanOrEqual(beginNs + aheadNsMax);
});

test("the version after one is the least multiple of 1024 above it", () => {
  for (const [version, after] of [
    [0n, 1024n],
    [1n, 1024n],
    [1023n, 1024n],
    [1024n, 2048n],
    [beginNs + 1n, beginNs + 1024n],
  ] as const)
    expect(versionAfter(version)).toBe(after);
});

test("versions are exact as doubles", () => {
  const { clock } = make();
  for (let round = 0; round < 100; round++) {
    const version = clock.next();
    expect(BigInt(Number(version))).toBe(version);
  }
});

test("is ahead of the wall clock by its lead, and never goes back when that ends", () => {
  const wall = new SettableClock();
  let lead = 0n;
  const clock = new HybridClock(wall, limitTable.timestampAhead.initial, () => lead);
  expect(clock.next()).toBe(beginNs);
  lead = 1024n * 1000n;
  expect([clock.reading(), clock.next()]).toEqual([beginNs + lead, beginNs + lead]);
  expect(clock.leadNow()).toBe(lead);
  lead = 0n;
  expect([clock.next(), clock.setBacks]).toEqual([beginNs + 1024n * 1001n, 0]);
});
