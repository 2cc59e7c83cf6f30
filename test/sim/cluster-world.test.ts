// Simulated clusters in trouble: some that are always the same, and some that no run has seen before. Those that are
// broken on purpose are cluster-sabotage.slow.test.ts; the long run is `scripts/fuzz cluster`.

import { expect, test } from "bun:test";
import { fuzzCluster } from "../fuzz/cluster-fuzz.ts";
import { testSeed } from "../support/random.ts";
import { ClusterWorld } from "./cluster-world.ts";

/** The faults of the first of this many runs that goes wrong; each names its seed: TEST_SEED=… repeats it. */
function faultsOf(seed: number, runs: number): readonly string[] {
  return fuzzCluster(seed, (run) => run < runs).failure?.faults ?? [];
}

test("sixteen troubled clusters heal, and have kept what the system promises", () => {
  expect(faultsOf(1, 16)).toEqual([]);
}, 60_000);

test("so do three that nobody has seen before", () => {
  expect(faultsOf(testSeed("cluster-world"), 3)).toEqual([]);
}, 60_000);

test("one seed is one run", () => {
  const seed = testSeed("one seed is one cluster");
  const [first, second, other] = [
    new ClusterWorld(seed, undefined, true),
    new ClusterWorld(seed, undefined, true),
    new ClusterWorld(seed + 1, undefined, true),
  ];
  for (const world of [first, second, other]) world.run();
  expect(first.story.length).toBeGreaterThan(100);
  expect(second.story).toEqual(first.story);
  expect(other.story).not.toEqual(first.story);
}, 60_000);
