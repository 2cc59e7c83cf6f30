// Self-protection, pass by pass: a small registry forgets its dead after one lease, a large one does not believe that
// many died at once.

import { expect, test } from "bun:test";
import { leaseMs } from "../../src/base/limits/fixed.ts";
import { limitTable } from "../../src/base/limits/table.ts";
import { Guard } from "../../src/registry/table/guard.ts";

const protectedLeaseMs = limitTable.protectedLease.initial;
const makeGuard = (believedShare = limitTable.silentShare.initial / 100): Guard =>
  new Guard({ leaseMs, protectedLeaseMs, believedShare });

test("of a few instances any but all may fall silent at once: they are forgotten after their lease", () => {
  for (let live = 1; live <= 10; live++) {
    for (let overdue = 0; overdue < live; overdue++) {
      expect(makeGuard().assess(0, live, overdue)).toEqual({ isOn: false, keptMs: 0 });
    }
  }
});

test("a lone instance that falls silent is forgotten", () => {
  expect(makeGuard().assess(0, 1, 1).isOn).toBe(false);
  expect(makeGuard().assess(0, 0, 0).isOn).toBe(false);
});

test("when all of a few fall silent they are kept, half a minute longer for each", () => {
  for (let live = 2; live <= 10; live++) {
    expect(makeGuard().assess(0, live, live)).toEqual({ isOn: true, keptMs: leaseMs + live * 30_000 });
  }
});

test("of many, more than 15 % that fall silent at once are kept, for an hour at most", () => {
  expect(makeGuard().assess(0, 30_000, 4_500).isOn).toBe(false);
  expect(makeGuard().assess(0, 30_000, 4_501).isOn).toBe(true);
  expect(makeGuard().assess(0, 30_000, 6_000)).toEqual({ isOn: true, keptMs: protectedLeaseMs });
});

test("the share that may fall silent is as it was set", () => {
  expect(makeGuard(0.4).assess(0, 1_000, 400).isOn).toBe(false);
  expect(makeGuard(0.4).assess(0, 1_000, 401).isOn).toBe(true);
  // Of ten and fewer it is still all of them that may not.
  expect(makeGuard(1).assess(0, 1_000, 1_000).isOn).toBe(false);
  expect(makeGuard(1).assess(0, 10, 10).isOn).toBe(true);
});

test("ten silent instances are always believed as long as another one is heard", () => {
  for (let live = 11; live <= 100; live++) expect(makeGuard().assess(0, live, 10).isOn).toBe(false);
  expect(makeGuard().assess(0, 11, 11).isOn).toBe(true);
  expect(makeGuard().assess(0, 20, 11).isOn).toBe(true);
});

test("the time for which they are kept never passes the protected lease", () => {
  for (const live of [2, 11, 100, 117, 118, 1_000, 100_000]) {
    const { keptMs } = makeGuard().assess(0, live, live);
    expect(keptMs).toBeGreaterThan(leaseMs);
    expect(keptMs).toBeLessThanOrEqual(protectedLeaseMs);
  }
});

test("protection ends when enough have been heard for half a minute, and not sooner", () => {
  const guard = makeGuard();
  expect(guard.assess(0, 1_000, 500).isOn).toBe(true);
  expect(guard.assess(10_000, 1_000, 200).isOn).toBe(true);
  // The last suspicion was at 10 s.
  expect(guard.assess(40_000, 1_000, 5).isOn).toBe(true);
  expect(guard.assess(40_001, 1_000, 5)).toEqual({ isOn: false, keptMs: 0 });
});

test("a relapse during the recovery starts its half minute anew", () => {
  const guard = makeGuard();
  guard.assess(0, 1_000, 500);
  guard.assess(25_000, 1_000, 0);
  guard.assess(29_000, 1_000, 151);
  expect(guard.assess(31_000, 1_000, 0).isOn).toBe(true);
  expect(guard.assess(59_001, 1_000, 0).isOn).toBe(false);
});
