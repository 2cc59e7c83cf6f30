import { expect, test } from "bun:test";
import fc from "fast-check";
import { equalBytes } from "../../src/wire/equal-bytes.ts";
import { testSeed } from "../support/random.ts";

const seed = testSeed("equal-bytes");

test("bytes are equal as the platform's comparison has it, wherever they stand", () => {
  const few = fc.uint8Array({ maxLength: 3, max: 2 });
  fc.assert(
    fc.property(few, fc.uint8Array({ maxLength: 8, max: 2 }), fc.nat(8), fc.nat(8), (key, bytes, from, to) => {
      const start = Math.min(from, to, bytes.length);
      const end = Math.min(Math.max(from, to), bytes.length);
      expect(equalBytes(key, bytes, start, end)).toBe(Buffer.compare(key, bytes.subarray(start, end)) === 0);
    }),
    { seed, numRuns: 2_000 },
  );
});
