// The back ends of scripts/examples, as a newcomer starts them.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { until } from "../../scripts/harness/until.ts";

const folder = join(import.meta.dir, "../../scripts/examples");

/** For a test of one: the first build of a Go program on a machine takes half a minute of processor time. */
export const exampleMsMax = 300_000;

interface Example {
  readonly name: string;
  readonly file: string;
  readonly program: "node" | "python3" | "go";
}

export const examples: readonly Example[] = [
  { name: "Node", file: "backend.mjs", program: "node" },
  { name: "Python", file: "backend.py", program: "python3" },
  { name: "Go", file: "backend.go", program: "go" },
];

/** False: the language is not installed here. */
export const isInstalled = ({ program }: Example): boolean => Bun.which(program) !== null;

export const pathOf = ({ file }: Example): string => join(folder, file);

export class ExampleBackEnd {
  /** Where it takes webhooks. */
  readonly hook: string;
  /** What it has printed so far. */
  printed = "";
  private readonly child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  private readonly removeBuilt: () => void;

  private constructor(command: readonly string[], port: number, api: string, key: string, removeBuilt: () => void) {
    this.hook = `http://127.0.0.1:${port}/`;
    this.removeBuilt = removeBuilt;
    const env = { ...process.env, ROOST_API: api, ROOST_KEY: key, HOOK_PORT: `${port}` };
    this.child = Bun.spawn([...command], { env, stdin: "ignore", stdout: "pipe", stderr: "inherit" });
    void this.read();
  }

  /** `api`: the URL of the API. */
  static async start(example: Example, api: string, key: string): Promise<ExampleBackEnd> {
    const [port = 0] = await freePorts(1);
    const { program } = example;
    if (program !== "go") return new ExampleBackEnd([program, pathOf(example)], port, api, key, () => undefined);
    // `go run` does not end with what it runs.
    const built = mkdtempSync(join(tmpdir(), "roost-example-"));
    const words = ["go", "build", "-o", join(built, "backend"), pathOf(example)];
    // Nothing is fetched.
    const env = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "" };
    const status = await Bun.spawn(words, { env, stdio: ["ignore", "ignore", "inherit"] }).exited;
    if (status !== 0) throw new Error(`${words.join(" ")} ended with ${status}`);
    const remove = (): void => rmSync(built, { recursive: true, force: true });
    return new ExampleBackEnd([join(built, "backend")], port, api, key, remove);
  }

  /** Waits until it has printed a line that fits; the first group of the pattern. */
  async line(pattern: RegExp): Promise<string> {
    await until(() => pattern.test(this.printed), `${pattern} in what it prints`);
    return pattern.exec(this.printed)?.[1] ?? "";
  }

  async end(): Promise<void> {
    this.child.kill("SIGTERM");
    await this.child.exited;
    this.removeBuilt();
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stdout) this.printed += decoder.decode(chunk, { stream: true });
  }
}
