// Writes results into README.md beside this file, with the machine and the commit that they were measured on: what was
// reached first, and the figures of all scenarios at its end. A run of some scenarios changes what belongs to them.

import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { goalTable, type Outcome } from "./outcomes.ts";
import { figuresWith, reachWith } from "./part-figures.ts";
import type { Result } from "./result.ts";
import { scenarioTables } from "./tables.ts";

/** Parts of README.md that are written here lie between two comments. */
const parts = ["reach", "figures"] as const;

/** The whole of a run. */
export interface Run {
  readonly results: readonly Result[];
  readonly outcomes: readonly Outcome[];
  /** How long it took. */
  readonly seconds: number;
}

/** The scenarios of a run that was not of all of them, and the names of all, in their order. */
export interface Choice {
  readonly scenarios: readonly string[];
  readonly order: readonly string[];
}

/** Where, when and how fast a run was made, that ends now. */
export function aboutRun({ seconds }: Run): string {
  const { commit, machine, day } = surroundings();
  const took = `measured in ${Math.round(seconds)} s`;
  return `Commit ${commit}, Bun ${Bun.version}, ${machine}, server and generator on the same cores, ${day}; ${took}.`;
}

/** Replaces what README.md shows; with a choice, what belongs to its scenarios. Throws a sentence if it cannot. */
export function writeFigures(run: Run, choice?: Choice): void {
  const path = join(import.meta.dir, "README.md");
  writeFileSync(path, withFigures(readFileSync(path, "utf8"), run, choice));
}

/** What README.md is then. Throws a sentence when it has no place for it. */
export function withFigures(readme: string, run: Run, choice?: Choice): string {
  const about = aboutRun(run);
  const texts = (part: (typeof parts)[number], former: string): string => {
    if (choice === undefined)
      return `${about}\n\n${part === "reach" ? goalTable(run.outcomes) : scenarioTables(run.results)}`;
    const { commit, machine, day } = surroundings();
    const partRun = { ...run, scenarios: choice.scenarios, about, mark: `${commit}, ${day}, ${machine}` };
    return part === "reach" ? reachWith(former, partRun) : figuresWith(former, partRun, choice.order);
  };
  return parts.reduce((text, part) => withPart(text, part, (former) => texts(part, former)), readme);
}

function surroundings(): { readonly commit: string; readonly machine: string; readonly day: string } {
  const git = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], { cwd: import.meta.dir });
  const commit = git.success ? git.stdout.toString().trim() : "unknown";
  const [processor] = cpus();
  const machine = `${cpus().length} × ${processor?.model ?? "unknown processor"}`;
  return { commit, machine, day: new Date().toISOString().slice(0, 10) };
}

function withPart(readme: string, part: (typeof parts)[number], text: (former: string) => string): string {
  const [begin, end] = [`<!-- ${part}: written by scripts/bench --write -->`, `<!-- end of ${part} -->`];
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`README.md of the bench has no section for ${part}`);
  const former = readme.slice(from + begin.length, to).trim();
  return `${readme.slice(0, from)}${begin}\n\n${text(former)}\n\n${readme.slice(to)}`;
}
