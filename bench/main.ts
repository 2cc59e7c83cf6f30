// The load bench's command line; scripts/bench runs it. See README.md beside this file. This process supervises: it
// starts servers and generators, which are processes of their own, and loads nothing itself.

import { Bench, openFilesMax } from "./bench.ts";
import { aboutRun, type Run, writeFigures } from "./figures.ts";
import { goalTable, outcomesOf } from "./outcomes.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { Progress } from "./progress.ts";
import { describe, type Result } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Those that were asked for, and can be run. Throws a sentence. */
function chosen({ scenario, external }: BenchOptions): readonly Scenario[] {
  const wanted = scenario === undefined ? undefined : [...new Set(scenario.split(","))];
  const named = scenarios.filter(({ name }) => wanted?.includes(name) !== false);
  if (wanted !== undefined && named.length < wanted.length)
    throw new Error(`--scenario takes one of ${scenarios.map(({ name }) => name).join(", ")}, or some with commas`);
  if (external === undefined) return named;
  const possible = named.filter(({ takesUrl }) => takesUrl);
  if (possible.length === 0) throw new Error(`${scenario ?? ""} starts servers of its own: leave --url out`);
  return possible;
}

/** Writes what a run of these scenarios has found into README.md; `isPart`: there are others. Throws a sentence. */
function write(found: Run, names: readonly string[], isPart: boolean): void {
  const ofThem = outcomesOf(found.results, { isWhole: true }).filter(({ goal }) => names.includes(goal.scenario));
  const choice = { scenarios: names, order: scenarios.map(({ name }) => name) };
  writeFigures({ ...found, outcomes: ofThem }, isPart ? choice : undefined);
}

/** True when each scenario has given its figures, and all of them are valid. */
async function run(options: BenchOptions): Promise<boolean> {
  const wanted = chosen(options);
  const progress = new Progress();
  const results: Result[] = [];
  const startMs = performance.now();
  /** How far the run is, for a person who waits. */
  let place = "";
  const say = (sentence: string): void => {
    progress.clear();
    console.error(`bench: ${sentence}`);
  };
  const bench = new Bench(options, {
    report(result) {
      results.push(result);
      progress.clear();
      console.log(options.json ? JSON.stringify(result) : describe(result));
    },
    say,
    draw: (name, phase, done) => progress.draw(`${place}${name}`, phase, done),
  });
  const failures = new Map<string, string>();
  for (const [index, scenario] of wanted.entries()) {
    if (wanted.length > 1) place = `${index + 1}/${wanted.length} `;
    try {
      await scenario.run(bench);
    } catch (error) {
      failures.set(scenario.name, sentenceOf(error));
      say(`${scenario.name}: ${sentenceOf(error)}`);
    }
  }
  progress.clear();
  const isPart = options.scenario !== undefined || options.external !== undefined;
  const names = wanted.map(({ name }) => name);
  const outcomes = outcomesOf(results, { failures, isWhole: !isPart });
  const whole = { results, outcomes, seconds: (performance.now() - startMs) / 1000 };
  if (wanted.length > 1) say(`${wanted.length} scenarios in ${Math.round(whole.seconds)} s`);
  if (options.write && failures.size === 0) write(whole, names, isPart);
  if (options.write && failures.size > 0) say("nothing is written, because not every scenario has its figures");
  // The figures of a trial mean nothing, so they reach nothing.
  const areShown = !options.json && !options.isTrial && outcomes.length > 0;
  if (areShown) console.log(`\n${aboutRun(whole)}\n\n${goalTable(outcomes)}`);
  return failures.size === 0 && results.every(({ valid }) => valid);
}

try {
  const options = readOptions(process.argv.slice(2));
  console.error(`bench: each process may have ${openFilesMax()} files open`);
  process.exit((await run(options)) ? 0 : 1);
} catch (error) {
  console.error(`bench: ${sentenceOf(error)}`);
  process.exit(1);
}
