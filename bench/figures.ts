// Writes results into README.md beside this file, with the machine and the commit that they were measured on: what was
// reached first, and the figures of all scenarios at its end.

import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { goalTable, type Outcome } from "./outcomes.ts";
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

/** Where, when and how fast a run was made, that ends now. */
export function aboutRun({ seconds }: Run): string {
  const git = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], { cwd: import.meta.dir });
  const commit = git.success ? git.stdout.toString().trim() : "unknown";
  const [processor] = cpus();
  const machine = `${cpus().length} × ${processor?.model ?? "unknown processor"}`;
  const day = new Date().toISOString().slice(0, 10);
  const took = `measured in ${Math.round(seconds)} s`;
  return `Commit ${commit}, Bun ${Bun.version}, ${machine}, server and generator on the same cores, ${day}; ${took}.`;
}

/** Replaces what README.md shows by this run. Throws a sentence when it has no place for it. */
export function writeFigures(run: Run): void {
  const path = join(import.meta.dir, "README.md");
  const about = aboutRun(run);
  const texts = {
    reach: `${about}\n\n${goalTable(run.outcomes)}`,
    figures: `${about}\n\n${scenarioTables(run.results)}`,
  };
  const readme = parts.reduce((text, part) => withPart(text, part, texts[part], path), readFileSync(path, "utf8"));
  writeFileSync(path, readme);
}

function withPart(readme: string, part: (typeof parts)[number], text: string, path: string): string {
  const [begin, end] = [`<!-- ${part}: written by scripts/bench --write -->`, `<!-- end of ${part} -->`];
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path} has no section for ${part}`);
  return `${readme.slice(0, from)}${begin}\n\n${text}\n\n${readme.slice(to)}`;
}
