// The product as a user runs it: a process of its own, started by its command line. ROOST_BINARY names the compiled
// executable; without it the source is run.

import { join } from "node:path";
import type { Subprocess } from "bun";
import { endsWithParent } from "./with-parent.ts";

const main = join(import.meta.dir, "../../src/main.ts");
const binary = process.env["ROOST_BINARY"];
/** What starts roost. */
export const roost: readonly string[] = binary === undefined || binary === "" ? [process.execPath, main] : [binary];

/** What starts roost with at most so many open files. */
export const roostWithFiles = (openFilesMax: number): readonly string[] => [
  "bash",
  "-c",
  `ulimit -n ${openFilesMax}; exec "$@"`,
  "bash",
  ...roost,
];

const startMsMax = 60_000;

/** Environment variables besides PATH and HOME. */
export type Variables = Readonly<Record<string, string>>;

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
  variables: Variables = {},
): Promise<Finished> {
  const child = Bun.spawn([...endsWithParent(), ...roost, ...words], {
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

/** A process of the product that has said that it is ready. */
export class RoostProcess {
  private readonly child: Subprocess<"ignore", "pipe", "pipe">;
  private readonly output: ErrorOutput;
  readonly banner: string;
  /** Everything that it wrote to standard error, once it has ended. */
  readonly errors: Promise<string>;
  /** Resolves with its status when it ends. */
  readonly exited: Promise<number>;

  protected constructor({ child, banner, output }: Started) {
    this.child = child;
    this.output = output;
    this.banner = banner;
    this.errors = output.whole;
    this.exited = child.exited;
  }

  /** What it has written to standard error so far: its log. */
  get log(): string {
    return this.output.text;
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Sends a signal, and waits for nothing. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends a signal and waits for the end; the exit status. */
  async end(signal: NodeJS.Signals): Promise<number> {
    this.child.kill(signal);
    return this.child.exited;
  }
}

/** A running messenger. */
export class ServerProcess extends RoostProcess {
  /** Starts it on free ports (unless `words` say others) and waits for its banner. */
  static async start(
    cwd: string,
    words: readonly string[] = [],
    variables?: Variables,
    redirect?: string,
    program?: readonly string[],
  ): Promise<ServerProcess> {
    const listeners = ["--ws", "--tcp", "--monitor", "--api"].filter((name) => !words.includes(name));
    const all = [...listeners.flatMap((name) => [name, "127.0.0.1:0"]), ...words];
    return new ServerProcess(await startProcess(cwd, all, "--account bob", variables, redirect, program));
  }

  get ws(): string {
    return /wss?:\/\/\S+/.exec(this.banner)?.[0] ?? "";
  }
  get tcp(): string {
    return /(?:tcp|tls):\/\/\S+/.exec(this.banner)?.[0] ?? "";
  }
  get monitor(): string {
    return /https?:\/\/[^/\s]+/.exec(this.banner)?.[0] ?? "";
  }
  /** To the web chat, with a secret; '' if it has printed none. */
  get link(): string {
    return /https?:\/\/\S+#link=\S+/.exec(this.banner)?.[0] ?? "";
  }
  /** The API for back ends: `http://host:port`. */
  get api(): string {
    return /^ {2}api +(https?:\/\/[^/\s]+)/m.exec(this.banner)?.[1] ?? "";
  }
}

/** A running node of the registry. */
export class DiscoveryProcess extends RoostProcess {
  /** Starts it on a free port (unless `words` say another) and waits for its banner. */
  static async start(
    cwd: string,
    words: readonly string[] = [],
    variables?: Variables,
    redirect?: string,
    program?: readonly string[],
    /** What it may have open at a time. */
    descriptors?: number,
  ): Promise<DiscoveryProcess> {
    const listen = words.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
    const all = ["--role", "discovery", ...listen, ...words];
    const limited = ["sh", "-c", `ulimit -n ${descriptors}; exec "$@"`, "sh", ...(program ?? roost)];
    const started = descriptors === undefined ? program : limited;
    return new DiscoveryProcess(await startProcess(cwd, all, " nodes --", variables, redirect, started));
  }

  /** `http://host:port` or `https://host:port`. */
  get url(): string {
    return /https?:\/\/[^/\s]+/.exec(this.banner)?.[0] ?? "";
  }
}

/** A gateway, login or chat service as a process of its own. */
export class MemberProcess extends RoostProcess {
  /** `words` name the role, the registry and the engines. */
  static async start(
    cwd: string,
    words: readonly string[],
    variables?: Variables,
    redirect?: string,
    program?: readonly string[],
  ): Promise<MemberProcess> {
    return new MemberProcess(await startProcess(cwd, words, "  monitor ", variables, redirect, program));
  }

  get monitor(): string {
    return /https?:\/\/[^/\s]+/.exec(this.banner)?.[0] ?? "";
  }
  /** Where it takes links: `host:port` or `tls://host:port`. */
  get links(): string {
    return /^ {2}links +(\S+)/m.exec(this.banner)?.[1] ?? "";
  }
  get id(): string {
    return /^ {2}id +(\S+)/m.exec(this.banner)?.[1] ?? "";
  }
}

interface Started {
  readonly child: Subprocess<"ignore", "pipe", "pipe">;
  readonly banner: string;
  readonly output: ErrorOutput;
}

/** Reads a process's standard error for as long as it writes. */
class ErrorOutput {
  text = "";
  readonly whole: Promise<string>;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.whole = this.read(stream);
  }

  private async read(stream: ReadableStream<Uint8Array>): Promise<string> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.text += decoder.decode(chunk, { stream: true });
    return this.text;
  }
}

/** Starts the product, with its streams redirected as Bash says it, and waits until its banner has said `mark`. */
async function startProcess(
  cwd: string,
  words: readonly string[],
  mark: string,
  variables: Variables = {},
  redirect?: string,
  program: readonly string[] = roost,
): Promise<Started> {
  const command = [...program, ...words];
  const shell = redirect === undefined ? [] : ["bash", "-c", `exec "$@" ${redirect}`, "bash"];
  const child = Bun.spawn([...endsWithParent(), ...shell, ...command], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, ...variables },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const output = new ErrorOutput(child.stderr);
  const timer = setTimeout(() => child.kill("SIGKILL"), startMsMax);
  const decoder = new TextDecoder();
  let banner = "";
  for await (const chunk of child.stdout) {
    banner += decoder.decode(chunk, { stream: true });
    if (banner.includes(mark)) break;
  }
  clearTimeout(timer);
  if (!banner.includes(mark)) throw new Error(`roost did not start: ${banner}${await output.whole}`);
  return { child, banner, output };
}
