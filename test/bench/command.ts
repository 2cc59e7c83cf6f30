// The bench as a user runs it: a process of its own, and what it printed.

import { join } from "node:path";
import type { Subprocess } from "bun";
import { parseResults, type Result } from "../../bench/result.ts";

const main = join(import.meta.dir, "../../bench/main.ts");

export interface BenchRun {
  readonly status: number;
  readonly results: readonly Result[];
  /** What it said on standard error, but for the line about open files. */
  readonly said: string;
}

/** Starts it; what it prints can be read. */
export function startBench(...words: string[]): Subprocess<"ignore", "pipe", "pipe"> {
  return Bun.spawn([process.execPath, main, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

/** Runs it to its end, with `--json`. */
export async function runBench(...words: string[]): Promise<BenchRun> {
  return ended(startBench("--json", ...words));
}

/** What came of one that was started with `--json`. */
export async function ended(child: Subprocess<"ignore", "pipe", "pipe">): Promise<BenchRun> {
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, results: parseResults(out, "standard output"), said: err.replace(/^bench: each process.*\n/, "") };
}
