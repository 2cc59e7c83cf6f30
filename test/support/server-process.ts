// The product as a user runs it: a process of its own, started by its command line. ROOST_BINARY names the compiled
// executable; without it the source is run.

import { join } from "node:path";
import type { Subprocess } from "bun";

const main = join(import.meta.dir, "../../src/main.ts");
const binary = process.env["ROOST_BINARY"];
/** What starts roost. */
export const roost: readonly string[] = binary === undefined || binary === "" ? [process.execPath, main] : [binary];

const startMsMax = 20_000;

export interface Finished {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command to its end. The environment holds no ROOST_ variables but the given ones. */
export async function run(
  words: readonly string[],
  cwd: string,
  input = "",
  variables: Record<string, string> = {},
): Promise<Finished> {
  const child = Bun.spawn([...roost, ...words], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, NO_COLOR: "1", ...variables },
    stdin: new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), startMsMax);
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  clearTimeout(timer);
  return { status, out, err };
}

/** A running server. */
export class ServerProcess {
  private readonly child: Subprocess<"ignore", "pipe", "pipe">;
  readonly banner: string;
  readonly errors: Promise<string>;

  private constructor(child: Subprocess<"ignore", "pipe", "pipe">, banner: string, errors: Promise<string>) {
    this.child = child;
    this.banner = banner;
    this.errors = errors;
  }

  /** Starts it on free ports (unless `words` say others) and waits for its banner. */
  static async start(cwd: string, words: readonly string[] = []): Promise<ServerProcess> {
    const ports = ["--ws", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--monitor", "127.0.0.1:0"];
    const child = Bun.spawn([...roost, ...ports, ...words], {
      cwd,
      env: { PATH: process.env["PATH"] ?? "", HOME: cwd },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const errors = new Response(child.stderr).text();
    const timer = setTimeout(() => child.kill("SIGKILL"), startMsMax);
    const decoder = new TextDecoder();
    let banner = "";
    for await (const chunk of child.stdout) {
      banner += decoder.decode(chunk, { stream: true });
      if (banner.includes("--account bob")) break;
    }
    clearTimeout(timer);
    if (!banner.includes("--account bob")) throw new Error(`the server did not start: ${banner}${await errors}`);
    return new ServerProcess(child, banner, errors);
  }

  get ws(): string {
    return /ws:\/\/\S+/.exec(this.banner)?.[0] ?? "";
  }
  get tcp(): string {
    return /tcp:\/\/\S+/.exec(this.banner)?.[0] ?? "";
  }
  get monitor(): string {
    return /http:\/\/[^/\s]+/.exec(this.banner)?.[0] ?? "";
  }

  /** Sends a signal and waits for the end; the exit status. */
  async end(signal: NodeJS.Signals): Promise<number> {
    this.child.kill(signal);
    return this.child.exited;
  }
}
