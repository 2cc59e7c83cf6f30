// What the fuzzers that simulate have in common: one world after another, each of its own seed, up to the first that
// goes wrong, and the command line of that.

import { parseArgs } from "node:util";

/** A simulation. `run` returns what went wrong. */
interface World {
  run(): readonly string[];
  /** What happened, for a person who looks for the reason. */
  readonly story: string[];
}

/** What became of a series of simulations. */
export interface FuzzOutcome {
  /** Those that ended well. */
  readonly runs: number;
  /** The one that did not: its seed, what was wrong, and what had happened before; undefined: all is well. */
  readonly failure: { readonly seed: number; readonly faults: readonly string[]; readonly story: string[] } | undefined;
}

/** Simulates with `seed`, `seed` + 1 and so on while `goesOn(run)` is true, up to the first that goes wrong. */
export function fuzzWorlds(
  seed: number,
  goesOn: (run: number) => boolean,
  makeWorld: (seed: number) => World,
): FuzzOutcome {
  let runs = 0;
  for (; goesOn(runs); runs++) {
    const worldSeed = (seed + runs) % 2 ** 32;
    const world = makeWorld(worldSeed);
    const faults = faultsOf(world, worldSeed);
    if (faults.length > 0) return { runs, failure: { seed: worldSeed, faults, story: world.story } };
  }
  return { runs, failure: undefined };
}

function faultsOf(world: World, seed: number): readonly string[] {
  try {
    return world.run();
  } catch (error) {
    // A bug that threw is a fault like any other, and its seed must be shown.
    return [`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`];
  }
}

/** Fuzzes for --seconds from --seed on, prints what went wrong, and sets the exit code then. */
export function fuzzFromCommandLine(
  name: string,
  fuzz: (seed: number, goesOn: (run: number) => boolean) => FuzzOutcome,
): void {
  const { values } = parseArgs({ options: { seed: { type: "string" }, seconds: { type: "string", default: "60" } } });
  const seed = values.seed === undefined ? Date.now() % 0x1_0000_0000 : Number(values.seed);
  const seconds = Number(values.seconds);
  if (!Number.isSafeInteger(seed) || seed < 0 || !(seconds > 0)) {
    console.error(`usage: bun test/fuzz/${name}-fuzz.ts [--seed <whole number>] [--seconds <number above 0>]`);
    process.exit(2);
  }
  console.log(`seed ${seed}, ${seconds} s`);
  const beganMs = performance.now();
  const { runs, failure } = fuzz(seed, (run) => {
    const passedSeconds = (performance.now() - beganMs) / 1000;
    if (process.stdout.isTTY && run % 50 === 0) process.stdout.write(`\r${run} runs, ${Math.floor(passedSeconds)} s `);
    return passedSeconds < seconds;
  });
  if (process.stdout.isTTY) process.stdout.write("\r");
  for (const line of failure === undefined ? [] : [...failure.story, ...failure.faults]) console.log(line);
  console.log(JSON.stringify({ seed, runs, failed: failure?.seed ?? null }));
  if (failure === undefined) return;
  console.error(`to see it again: scripts/fuzz ${name} --seed ${failure.seed}`);
  process.exitCode = 1;
}
