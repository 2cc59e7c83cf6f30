import { expect, test } from "bun:test";
import { AccountBuckets } from "../../src/base/account-buckets.ts";

function bucketsOf(perSecond: number, atOnce: number) {
  const time = { ms: 1_000 };
  return { time, buckets: new AccountBuckets(perSecond, atOnce, { monotonicMs: () => time.ms }) };
}

test("what one account takes is no other's, whatever their names are made of", () => {
  const { buckets } = bucketsOf(1, 3);
  expect(buckets.take("a", "bc", 3)).toBe(true);
  expect(buckets.take("a", "bc")).toBe(false);
  expect(buckets.take("ab", "c", 3)).toBe(true);
  expect(buckets.take("", "abc", 3)).toBe(true);
  expect(buckets.has("a", "bc")).toBe(false);
  expect(buckets.has("a", "bcd", 3)).toBe(true);
});

test("a cost that is too much takes nothing, and one above what fits is never paid", () => {
  const { buckets, time } = bucketsOf(1, 3);
  expect(buckets.take("a", "b", 4)).toBe(false);
  expect(buckets.has("a", "b", 4)).toBe(false);
  expect(buckets.size).toBe(0);
  expect(buckets.take("a", "b", 2)).toBe(true);
  expect(buckets.take("a", "b", 2)).toBe(false);
  time.ms += 1_000;
  expect(buckets.take("a", "b", 2)).toBe(true);
});

test("what is charged later is a debt that time pays off", () => {
  const { buckets, time } = bucketsOf(10, 5);
  expect(buckets.isSpent("a", "b")).toBe(false);
  buckets.charge("a", "b", 4);
  expect(buckets.isSpent("a", "b")).toBe(false);
  buckets.charge("a", "b", 11);
  expect([buckets.isSpent("a", "b"), buckets.isSpent("a", "c")]).toEqual([true, false]);
  time.ms += 1_099;
  expect(buckets.isSpent("a", "b")).toBe(true);
  expect(buckets.largestUse).toBe(5);
  time.ms += 1;
  expect(buckets.isSpent("a", "b")).toBe(false);
  expect(buckets.take("a", "b")).toBe(true);
  expect(buckets.take("a", "b")).toBe(false);
});

test("buckets that are full again are forgotten; those that are not are kept", () => {
  const { buckets, time } = bucketsOf(1, 100);
  for (let i = 0; i < 10; i++) buckets.take("a", `slow${i}`, 100);
  for (let i = 0; i < 50_000; i++) {
    time.ms += 1;
    buckets.take("a", `quick${i}`);
  }
  expect(buckets.size).toBeLessThan(5_000);
  for (let i = 0; i < 10; i++) expect(buckets.take("a", `slow${i}`, 100)).toBe(false);
});

test("there are never more than 100,000, also if none is full again", () => {
  const { buckets } = bucketsOf(1, 2);
  let largest = 0;
  for (let i = 0; i < 210_000; i++) {
    buckets.charge("a", `account${i}`, 5);
    largest = Math.max(largest, buckets.size);
  }
  expect(largest).toBeLessThanOrEqual(100_000);
  expect(buckets.isSpent("a", "account0")).toBe(false);
  expect(buckets.isSpent("a", "account209999")).toBe(true);
});
