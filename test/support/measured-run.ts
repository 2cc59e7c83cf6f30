// Runs the product to its end and measures its memory. What the system reports of a child covers the moment between
// fork and exec, when the child has the memory of its parent: so the parent is a small process made for this.

import { roost } from "../../scripts/harness/server-process.ts";

const launcher = `
  const child = Bun.spawnSync(process.argv.slice(1), { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  console.log(JSON.stringify({ status: child.exitCode, peakBytes: child.resourceUsage.maxRSS }));
`;

export interface Measured {
  readonly status: number;
  readonly err: string;
  /** The most memory that was resident at once, in bytes. */
  readonly peakBytes: number;
}

/** The environment holds PATH and HOME only. */
export async function runMeasured(words: readonly string[], cwd: string): Promise<Measured> {
  const child = Bun.spawn([process.execPath, "-e", launcher, "--", ...roost, ...words], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`the launcher failed: ${err}`);
  const { status, peakBytes }: { status: number; peakBytes: number } = JSON.parse(out);
  return { status, err, peakBytes };
}
