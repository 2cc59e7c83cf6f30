// A smoke run of the fuzz of connection life cycles; the long run is `scripts/fuzz connections`.

import { expect, test } from "bun:test";
import { endings } from "../fuzz/connection-lives.ts";
import { fuzzConnections } from "../fuzz/connections-fuzz.ts";
import { testSeed } from "../support/random.ts";

const livesPerListener = 1_000;

test("a thousand connections on each listener that end in any way leave nothing behind and harm nobody", async () => {
  const { lives, kinds, gone, faults } = await fuzzConnections({
    seed: testSeed("connections-fuzz"),
    livesPerListener,
  });
  expect(faults).toEqual([]);
  expect(Object.keys(lives)).toHaveLength(8);
  for (const count of Object.values(lives)) expect(count).toBeGreaterThanOrEqual(livesPerListener);
  // Six dialects, every ending, with nothing, one thing and more said; and peers that were gone when they were
  // accepted.
  expect(kinds.size).toBe(6 * endings.length * 3);
  expect(gone).toBeGreaterThan(50);
}, 240_000);
