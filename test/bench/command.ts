// The bench as a user runs it: a process of its own, and what it printed.

import { join } from "node:path";
import { parseResults, type Result } from "../../bench/result.ts";

const main = join(import.meta.dir, "../../bench/main.ts");

export interface BenchRun {
  readonly status: number;
  readonly results: readonly Result[];
  /** What it said on standard error, but for the line about open files. */
  readonly said: string;
}

/** Runs it to its end, with `--json`. */
export async function runBench(...words: string[]): Promise<BenchRun> {
  const child = Bun.spawn([process.execPath, main, "--json", ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, results: parseResults(out, "standard output"), said: err.replace(/^bench: each process.*\n/, "") };
}
