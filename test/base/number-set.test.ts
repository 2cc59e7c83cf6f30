import { expect, test } from "bun:test";
import { NumberSet } from "../../src/base/number-set.ts";

test("a set of numbers has what was added, and nothing else", () => {
  const set = new NumberSet();
  expect(set.has(5n)).toBe(false);
  const numbers = [1n, 8n, 9_000n, 2n ** 24n + 3n];
  for (const number of numbers) set.add(number);
  expect(numbers.map((number) => set.has(number))).toEqual([true, true, true, true]);
  expect([0n, 2n, 7n, 16n, 8_999n, 9_001n, 2n ** 24n].map((number) => set.has(number))).not.toContain(true);
  set.clear();
  expect(set.has(1n)).toBe(false);
});
