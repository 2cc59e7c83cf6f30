import { expect, test } from "bun:test";
import { AssertionError } from "../../src/base/assert.ts";
import { newGroupId, newIncarnation, seededRandom, systemRandom, Xoshiro128 } from "../../src/base/random.ts";
import { testSeed } from "../support/random.ts";

/** One whose bytes are all the same. */
class Filled extends Xoshiro128 {
  private readonly byte: number;

  constructor(byte: number) {
    super([1, 2, 3, 4]);
    this.byte = byte;
  }

  override bytes(count: number): Uint8Array {
    return new Uint8Array(count).fill(this.byte);
  }
}

test("xoshiro128** gives the published sequence", () => {
  const random = new Xoshiro128([1, 2, 3, 4]);
  const published = [
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
  ];
  expect(published.map(() => random.uint32())).toEqual(published);
});

test("xoshiro128** refuses the state that it cannot leave", () => {
  expect(() => new Xoshiro128([0, 0, 0, 0])).toThrow(AssertionError);
});

const firstOf = (seed: number): unknown[] => {
  const random = seededRandom(seed);
  return [random.uint32(), random.bytes(7), random.base62(128), random.uint32()];
};

test("the same seed gives the same run, another seed another one", () => {
  const seed = testSeed("random");
  expect(firstOf(seed)).toEqual(firstOf(seed));
  expect(firstOf(seed)).not.toEqual(firstOf(seed + 1));
});

test("bytes are as many as asked for and take every value", () => {
  const seen = new Set(seededRandom(testSeed("random bytes")).bytes(10_000));
  expect(seen.size).toBe(256);
  for (const count of [0, 1, 3, 4, 5]) {
    expect(seededRandom(1).bytes(count)).toHaveLength(count);
    expect(systemRandom.bytes(count)).toHaveLength(count);
  }
});

test("uint32 stays within 32 bits", () => {
  for (const random of [systemRandom, seededRandom(testSeed("uint32"))]) {
    for (let round = 0; round < 1000; round++) {
      const word = random.uint32();
      expect(Number.isInteger(word) && word >= 0 && word < 2 ** 32).toBe(true);
    }
  }
});

test("base 62 has a fixed length for a number of bits", () => {
  const random = seededRandom(testSeed("base 62"));
  const digitsOf: [bits: number, digits: number][] = [
    [1, 1],
    [5, 1],
    [6, 2],
    [64, 11],
    [128, 22],
  ];
  for (const [bits, digits] of digitsOf) {
    for (let round = 0; round < 100; round++)
      expect(random.base62(bits)).toMatch(new RegExp(`^[0-9A-Za-z]{${digits}}$`));
  }
  expect(new Set(Array.from({ length: 100 }, () => random.base62(1)))).toEqual(new Set(["0", "1"]));
});

test("a group's id is 128 bits in 22 digits of base 62", () => {
  expect(newGroupId(systemRandom)).toMatch(/^[0-9A-Za-z]{22}$/);
  expect(newGroupId(systemRandom)).not.toBe(newGroupId(systemRandom));
});

test("base 62 writes the smallest and the largest value right", () => {
  expect(newGroupId(new Filled(0))).toBe("0".repeat(22));
  // 2^128 - 1, by the digits' character codes.
  let value = 2n ** 128n - 1n;
  let expected = "";
  for (; value > 0n; value /= 62n) {
    const digit = Number(value % 62n);
    const first = digit < 10 ? 48 : digit < 36 ? 55 : 61;
    expected = String.fromCharCode(first + digit) + expected;
  }
  expect(newGroupId(new Filled(0xff))).toBe(expected);
});

test("an incarnation is 16 hexadecimal digits", () => {
  expect(newIncarnation(new Filled(0x0a))).toBe("0a".repeat(8));
  expect(newIncarnation(systemRandom)).toMatch(/^[0-9a-f]{16}$/);
  expect(newIncarnation(systemRandom)).not.toBe(newIncarnation(systemRandom));
});
