// A generator's process: reads one job from its standard input, does it, and reports on its standard output. It ends
// when its input does: then nobody waits for it any more.

import type { Target } from "../server/target.ts";
import type { Job, Report } from "./job.ts";
import { isLoadName, loads } from "./loads.ts";

/** A person is not told more often. */
const tellMs = 200;
/** Loads that start their own servers look at none. */
const nowhere: Target = {
  endpoint: { transport: "tcp", host: "", port: 0, path: "/" },
  secret: "",
  app: "",
  processes: [],
};

function say(report: Report): Promise<number> {
  return Bun.write(Bun.stdout, `${JSON.stringify(report)}\n`);
}

async function work(text: string): Promise<void> {
  const job: Job = JSON.parse(text);
  let toldMs = -Infinity;
  let phaseTold = "";
  const tell = (phase: string, done: number): void => {
    const nowMs = performance.now();
    if (phase === phaseTold && nowMs - toldMs < tellMs) return;
    toldMs = nowMs;
    phaseTold = phase;
    void say({ kind: "progress", phase, done });
  };
  try {
    if (!isLoadName(job.load)) throw new Error(`there is no load ${job.load}`);
    const findings = await loads[job.load]({ target: job.target ?? nowhere, settings: job.settings, tell });
    await say({ kind: "found", findings });
  } catch (error) {
    await say({ kind: "failed", sentence: error instanceof Error ? error.message : String(error) });
  }
  process.exit(0);
}

let input = "";
let isWorking = false;
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text: string) => {
  input += text;
  const end = input.indexOf("\n");
  if (isWorking || end < 0) return;
  isWorking = true;
  void work(input.slice(0, end));
});
process.stdin.on("end", () => process.exit(1));
