// Fuzzes a whole cluster: one simulation of a troubled cluster after another, each of its own seed. Runs as a script,
// `bun test/fuzz/cluster-fuzz.ts --seed 1 --seconds 600`, and a short while in the tests. It stops at the first seed
// that goes wrong; the same one given as --seed shows it again, as the first, with what its processes logged.

import { ClusterWorld } from "../sim/cluster-world.ts";
import type { Sabotage } from "../sim/cluster-sabotage.ts";
import { type FuzzOutcome, fuzzFromCommandLine, fuzzWorlds } from "./fuzz-worlds.ts";

/**
 * Simulates with `seed`, `seed` + 1 and so on while `goesOn(run)` is true, up to the first that goes wrong.
 * `isVerbose`: its story has what the processes logged.
 */
export function fuzzCluster(
  seed: number,
  goesOn: (run: number) => boolean,
  sabotage?: Sabotage,
  isVerbose = false,
): FuzzOutcome {
  return fuzzWorlds(seed, goesOn, (worldSeed) => new ClusterWorld(worldSeed, sabotage, isVerbose));
}

if (import.meta.main) fuzzFromCommandLine("cluster", (seed, goesOn) => fuzzCluster(seed, goesOn, undefined, true));
