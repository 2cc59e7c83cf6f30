// The supervisor's side of a generator: starts its process, gives it a job, and waits for what it found.

import { join } from "node:path";
import { spawnChild } from "../server/lifetime.ts";
import type { Findings } from "../result.ts";
import type { Job, Report } from "./job.ts";

/** What connecting, signing in and draining may take beside the measuring, whatever the load. */
const besideMsMax = 180_000;

/** Rejects with a sentence when there is no figure. */
export async function generate(job: Job, tell: (phase: string, done: number) => void): Promise<readonly Findings[]> {
  const child = spawnChild(
    [process.execPath, join(import.meta.dir, "main.ts")],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    "SIGTERM",
  );
  const msMax = job.settings.seconds * 2_000 + job.settings.warmUpMs + besideMsMax;
  const late = { isNow: false };
  const timer = setTimeout(() => {
    late.isNow = true;
    child.kill("SIGTERM");
  }, msMax);
  try {
    void child.stdin.write(`${JSON.stringify(job)}\n`);
    await child.stdin.flush();
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const report: Report = JSON.parse(text.slice(0, end));
        text = text.slice(end + 1);
        if (report.kind === "found") return report.findings;
        if (report.kind === "failed") throw new Error(report.sentence);
        tell(report.phase, report.done);
      }
    }
    const status = await child.exited;
    if (late.isNow) throw new Error(`the generator was not done after ${Math.round(msMax / 1000)} s`);
    throw new Error(`the generator ended without a result (exit status ${status})`);
  } finally {
    clearTimeout(timer);
    child.kill("SIGTERM");
    await child.exited;
  }
}
