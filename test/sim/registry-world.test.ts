// Simulated clusters of the registry in trouble: some that are always the same, some that no run has seen before, and
// some whose replication is broken on purpose, which must be noticed. The long run is `scripts/fuzz registry`.

import { expect, test } from "bun:test";
import { fuzzRegistry } from "../fuzz/registry-fuzz.ts";
import { testSeed } from "../support/random.ts";
import { RegistryWorld } from "./registry-world.ts";
import type { Sabotage } from "./registry-network.ts";

/** The faults of the first of this many runs that goes wrong; each names its seed: TEST_SEED=… repeats it. */
function faultsOf(seed: number, runs: number): readonly string[] {
  return fuzzRegistry(seed, (run) => run < runs).failure?.faults ?? [];
}

test("sixty troubled clusters heal, with equal tables that hold what was acknowledged", () => {
  expect(faultsOf(1, 60)).toEqual([]);
});

test("so do twenty that nobody has seen before", () => {
  expect(faultsOf(testSeed("registry-world"), 20)).toEqual([]);
});

test("one seed is one run", () => {
  const seed = testSeed("one seed is one run");
  const [first, second, other] = [new RegistryWorld(seed), new RegistryWorld(seed), new RegistryWorld(seed + 1)];
  for (const world of [first, second, other]) world.run();
  expect(first.story.length).toBeGreaterThan(20);
  expect(second.story).toEqual(first.story);
  expect(other.story).not.toEqual(first.story);
});

const sabotages: readonly Sabotage[] = ["no tombstones", "ages are reset", "last arrival wins"];
test.each(sabotages)("replication that is broken by '%s' is caught within sixty runs", (sabotage) => {
  const { failure } = fuzzRegistry(1, (run) => run < 60, sabotage);
  expect(failure?.faults.length).toBeGreaterThan(0);
});
