// Fuzzes the registry: one simulation of a troubled cluster after another, each of its own seed. Runs as a script,
// `bun test/fuzz/registry-fuzz.ts --seed 1 --seconds 600`, and a short while in the tests. It stops at the first seed
// that goes wrong; the same one given as --seed shows it again, as the first.

import { RegistryWorld } from "../sim/registry-world.ts";
import type { Sabotage } from "../sim/registry-network.ts";
import { type FuzzOutcome, fuzzFromCommandLine, fuzzWorlds } from "./fuzz-worlds.ts";

/** Simulates with `seed`, `seed` + 1 and so on while `goesOn(run)` is true, up to the first that goes wrong. */
export function fuzzRegistry(seed: number, goesOn: (run: number) => boolean, sabotage?: Sabotage): FuzzOutcome {
  return fuzzWorlds(seed, goesOn, (worldSeed) => new RegistryWorld(worldSeed, sabotage));
}

if (import.meta.main) fuzzFromCommandLine("registry", fuzzRegistry);
