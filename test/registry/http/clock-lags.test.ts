// What readings of other nodes' clocks say of their lag.

import { expect, test } from "bun:test";
import { ClockLags, type ClockReading } from "../../../src/registry/http/clock-lags.ts";

const msNs = 1_000_000n;
const maxNs = 900_000n * msNs;

/**
 * A reading, taken at second 100 by this node: the other clock shows between `fromMs` and `toMs`, the answer took
 * `tookMs`.
 */
const reading = (fromMs: number, toMs = fromMs, tookMs = 0): ClockReading => ({
  fromNs: BigInt(fromMs) * msNs,
  toNs: BigInt(toMs) * msNs,
  askedNs: 100_000n * msNs,
  heardNs: BigInt(100_000 + tookMs) * msNs,
});

test("clocks that may agree have no lag, and one that is ahead has none either", () => {
  const lags = new ClockLags(maxNs);
  expect(lags.largestNs(0)).toBe(0n);
  lags.heard("a", reading(99_500, 100_499), 0);
  lags.heard("b", reading(100_000, 100_000, 3), 0);
  lags.heard("c", reading(103_000), 0);
  expect(lags.largestNs(0)).toBe(0n);
});

test("the lag of one that is surely behind is the most that it can be, of several the largest", () => {
  const lags = new ClockLags(maxNs);
  lags.heard("a", reading(97_000, 97_999, 5), 0);
  expect(lags.largestNs(0)).toBe(3_005n * msNs);
  lags.heard("b", reading(95_000), 0);
  expect(lags.largestNs(0)).toBe(5_000n * msNs);
});

test("readings of one clock narrow the estimate, which widens while there are no readings", () => {
  const lags = new ClockLags(maxNs);
  lags.heard("a", reading(97_000, 97_999), 0);
  lags.heard("a", reading(98_000, 98_000, 4), 0);
  lags.heard("a", reading(97_001, 98_000), 0);
  expect(lags.largestNs(0)).toBe(2_004n * msNs);
  lags.heard("a", reading(97_001, 98_000), 60_000);
  expect(lags.largestNs(60_000)).toBe(2_010n * msNs);
});

test("a reading that contradicts the ones before it counts alone: a clock was set", () => {
  const lags = new ClockLags(maxNs);
  lags.heard("a", reading(98_000), 0);
  lags.heard("a", reading(95_000), 0);
  expect(lags.largestNs(0)).toBe(5_000n * msNs);
  lags.heard("a", reading(100_000), 0);
  expect(lags.largestNs(0)).toBe(0n);
});

test("a clock that is behind by more than the most, or was not read for ten minutes, counts for nothing", () => {
  const lags = new ClockLags(1_000n * msNs);
  lags.heard("a", reading(99_000), 0);
  expect(lags.largestNs(0)).toBe(1_000n * msNs);
  expect(lags.largestNs(600_001)).toBe(0n);
  lags.heard("b", reading(98_000), 600_002);
  lags.heard("c", reading(-1_000_000_000), 600_002);
  expect(lags.largestNs(600_002)).toBe(0n);
});

test("the lead is the least that a clock is ahead by, of several the largest, within the most", () => {
  const leads = new ClockLags(20_000n * msNs);
  expect(leads.largestLeadNs(0)).toBe(0n);
  leads.heard("a", reading(97_000), 0);
  leads.heard("b", reading(99_500, 100_499), 0);
  expect(leads.largestLeadNs(0)).toBe(0n);
  leads.heard("c", reading(102_000, 102_999, 5), 0);
  expect(leads.largestLeadNs(0)).toBe(1_995n * msNs);
  leads.heard("d", reading(103_000), 0);
  leads.heard("e", reading(110_001), 0);
  expect(leads.largestLeadNs(0)).toBe(3_000n * msNs);
  expect(leads.largestLeadNs(600_001)).toBe(0n);
});

test("versions that are ahead of this clock have a larger lag behind them", () => {
  const lags = new ClockLags(maxNs);
  lags.heard("a", reading(100_000, 100_000, 3), 0);
  expect(lags.largestNs(0, 2_000n * msNs)).toBe(2_003n * msNs);
  lags.heard("a", reading(102_000, 102_000), 0);
  expect(lags.largestNs(0, 2_000n * msNs)).toBe(0n);
});
