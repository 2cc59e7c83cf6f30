import { expect, test } from "bun:test";
import { TokenBucket } from "../../src/base/token-bucket.ts";

/** How many of `tries` requests at one moment pass. */
function passing(bucket: TokenBucket, nowMs: number, tries: number): number {
  let passed = 0;
  for (let turn = 0; turn < tries; turn++) if (bucket.take(nowMs)) passed++;
  return passed;
}

test("lets a burst through at once and no more", () => {
  const bucket = new TokenBucket(10, 25, 1000);
  expect(passing(bucket, 1000, 100)).toBe(25);
  expect(passing(bucket, 1000, 100)).toBe(0);
});

test("refills at its rate", () => {
  const bucket = new TokenBucket(10, 25, 0);
  passing(bucket, 0, 25);
  expect(passing(bucket, 99, 5)).toBe(0);
  expect(passing(bucket, 100, 5)).toBe(1);
  expect(passing(bucket, 1100, 50)).toBe(10);
});

test("never holds more than its burst", () => {
  const bucket = new TokenBucket(10, 25, 0);
  expect(passing(bucket, 3_600_000, 100)).toBe(25);
});

test("keeps the rate over many small steps", () => {
  const bucket = new TokenBucket(2000, 4000, 0);
  passing(bucket, 0, 4000);
  let passed = 0;
  for (let nowMs = 1; nowMs <= 10_000; nowMs++) passed += passing(bucket, nowMs, 5);
  expect(passed).toBe(20_000);
});

test("a rate of less than one a millisecond adds up", () => {
  const bucket = new TokenBucket(50, 1, 0);
  let passed = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs++) passed += passing(bucket, nowMs, 2);
  // 50 a second for 10 s; a fraction of a token may still be missing for the last one.
  expect(passed).toBeWithin(499, 502);
});

test("a clock that steps back takes nothing away and gives nothing", () => {
  const bucket = new TokenBucket(10, 2, 1000);
  expect(bucket.take(1000)).toBe(true);
  expect(bucket.take(0)).toBe(true);
  expect(bucket.take(500)).toBe(false);
  expect(bucket.take(1000)).toBe(false);
  expect(bucket.take(1100)).toBe(true);
});
