// The load bench's command line; scripts/bench runs it. See README.md beside this file. This process supervises: it starts
// servers and generators, which are processes of their own, and loads nothing itself.

import { Bench, openFilesMax } from "./bench.ts";
import { writeFigures } from "./figures.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { Progress } from "./progress.ts";
import { describe, type Result } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import { scenarios } from "./scenarios.ts";

const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Those that were asked for, and can be run. Throws a sentence. */
function chosen({ scenario, external }: BenchOptions): readonly Scenario[] {
  const named = scenarios.filter(({ name }) => scenario === undefined || scenario === name);
  if (named.length === 0) throw new Error(`--scenario takes one of ${scenarios.map(({ name }) => name).join(", ")}`);
  if (external === undefined) return named;
  const possible = named.filter(({ takesUrl }) => takesUrl);
  if (possible.length === 0) throw new Error(`${scenario ?? ""} starts servers of its own: leave --url out`);
  return possible;
}

/** True when each scenario has given its figures, and all of them are valid. */
async function run(options: BenchOptions): Promise<boolean> {
  const wanted = chosen(options);
  const progress = new Progress();
  const results: Result[] = [];
  const bench = new Bench(options, {
    report(result) {
      results.push(result);
      progress.clear();
      console.log(options.json ? JSON.stringify(result) : describe(result));
    },
    say(sentence) {
      progress.clear();
      console.error(`bench: ${sentence}`);
    },
    draw: (name, phase, done) => progress.draw(name, phase, done),
  });
  let failed = 0;
  for (const scenario of wanted) {
    try {
      await scenario.run(bench);
    } catch (error) {
      failed++;
      progress.clear();
      console.error(`bench: ${scenario.name}: ${sentenceOf(error)}`);
    }
  }
  progress.clear();
  if (options.write && failed === 0) writeFigures(results);
  if (options.write && failed > 0)
    console.error("bench: nothing is written, because not every scenario has its figures");
  return failed === 0 && results.every(({ valid }) => valid);
}

try {
  const options = readOptions(process.argv.slice(2));
  console.error(`bench: each process may have ${openFilesMax()} files open`);
  process.exit((await run(options)) ? 0 : 1);
} catch (error) {
  console.error(`bench: ${sentenceOf(error)}`);
  process.exit(1);
}
