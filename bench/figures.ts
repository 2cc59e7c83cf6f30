// Writes results into README.md beside this file, with the machine and the commit that they were measured on.

import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { markdownTable, type Result, show } from "./result.ts";

const begin = "<!-- figures: written by scripts/bench --write -->";
const end = "<!-- end of figures -->";
/** Counts of a run that succeeded say nothing that the README could not do without. */
const unwritten = ["sent", "answered", "delivered", "lost", "duplicated", "reordered", "p90_ms", "p999_ms"];

/** Replaces the figures in README.md by these. */
export function writeFigures(results: readonly Result[]): void {
  const path = join(import.meta.dir, "README.md");
  const readme = readFileSync(path, "utf8");
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path} has no section for figures`);
  const git = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], { cwd: import.meta.dir });
  const commit = git.success ? git.stdout.toString().trim() : "unknown";
  const [processor] = cpus();
  const machine = `${cpus().length} × ${processor?.model ?? "unknown processor"}`;
  const day = new Date().toISOString().slice(0, 10);
  const keys = new Set(results.flatMap((result) => Object.keys(result)));
  const shown = [...keys].filter(
    (key) => !unwritten.includes(key) && results.some((result) => (result[key] ?? null) !== null),
  );
  const table = markdownTable(
    shown,
    results.map((result) => shown.map((key) => show(result[key]))),
  );
  const about = `Commit ${commit}, Bun ${Bun.version}, ${machine}, server and generator on the same cores, ${day}.`;
  writeFileSync(path, `${readme.slice(0, from)}${begin}\n\n${about}\n\n${table}\n\n${readme.slice(to)}`);
}
