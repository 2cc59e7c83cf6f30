// A smoke run of the fuzzer; the long run is `bun test/fuzz/wire-fuzz.ts --seconds 600`.

import { expect, test } from "bun:test";
import { fuzzWire } from "../fuzz/wire-fuzz.ts";
import { testSeed } from "../support/random.ts";

test("two thousand rounds of the wire fuzzer find nothing and reach every outcome", () => {
  const counts = fuzzWire(testSeed("wire-fuzz"), (round) => round < 2000);
  expect(counts.rounds).toBe(2000);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(20);
});
