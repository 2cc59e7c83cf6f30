// Shows a run that scripts/bench --json wrote into a file, `bun bench/report.ts run.json`: what it reached, and a table
// for each scenario. Of two files it compares the runs: `bun bench/report.ts before.json after.json`. It prints
// Markdown.

import { readFileSync } from "node:fs";
import { goalTable, outcomesOf } from "./outcomes.ts";
import { parseResults, type Result, show } from "./result.ts";
import { markdownTable, scenarioTables } from "./tables.ts";

/** What tells one measurement from another. */
const identity = [
  "scenario",
  "transport",
  "topology",
  "store",
  "node",
  "standbys",
  "failure",
  "connections",
  "window",
  "members",
  "conversations",
  "rows",
  "attack",
] as const;
/** What is compared, where both have it. */
const compared = [
  "per_second",
  "p50_ms",
  "p99_ms",
  "max_ms",
  "server_cpu",
  "server_rss_mb",
  "bytes_per_connection",
  "share_of_bare",
  "p99_ratio",
  "rss_peak_mb",
  "memory_ratio",
] as const;

/** A line for each figure that both runs have, and one for each measurement that only one of them has. */
export function compareRuns(before: readonly Result[], after: readonly Result[]): string {
  const known = new Map(before.map((result) => [nameOf(result), result]));
  const lines: string[][] = [];
  for (const result of after) {
    const name = nameOf(result);
    const older = known.get(name);
    known.delete(name);
    if (older === undefined) {
      lines.push([name, "", "absent", "present", ""]);
      continue;
    }
    const note = doubts(older, result);
    for (const key of compared) {
      const [one, other] = [older[key], result[key]];
      if (typeof one !== "number" || typeof other !== "number") continue;
      lines.push([name, key, show(one), show(other), `${change(one, other)}${note}`]);
    }
  }
  for (const name of known.keys()) lines.push([name, "", "present", "absent", ""]);
  return markdownTable(["measurement", "figure", "before", "after", "change"], lines);
}

/** What a run reached, and all of its figures. */
export function showRun(results: readonly Result[]): string {
  const outcomes = outcomesOf(results, { isWhole: false });
  return [...(outcomes.length === 0 ? [] : [goalTable(outcomes)]), scenarioTables(results)].join("\n\n");
}

function nameOf(result: Result): string {
  return identity
    .map((key) => result[key] ?? null)
    .filter((value) => value !== null)
    .join(" ");
}

function change(before: number, after: number): string {
  if (before === 0) return "";
  const percent = (after / before - 1) * 100;
  return `${percent < 0 ? "" : "+"}${percent.toFixed(1)} %`;
}

function doubts(before: Result, after: Result): string {
  const invalid = [before.valid ? [] : ["before"], after.valid ? [] : ["after"]].flat();
  return invalid.length === 0 ? "" : ` (invalid: ${invalid.join(", ")})`;
}

if (import.meta.main) {
  const paths = process.argv.slice(2);
  const [before, after] = paths;
  try {
    if (before === undefined || paths.length > 2)
      throw new Error(
        "give one file that scripts/bench --json wrote, or two: bun bench/report.ts before.json after.json",
      );
    const read = (path: string): Result[] => parseResults(readFileSync(path, "utf8"), path);
    console.log(after === undefined ? showRun(read(before)) : compareRuns(read(before), read(after)));
  } catch (error) {
    console.error(`report: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}
