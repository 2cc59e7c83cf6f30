// A server as README.md starts it: by scripts/start, in an empty folder.

import type { Subprocess } from "bun";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";

export interface StartedFromSource {
  /** Gives test accounts. */
  readonly link: string;
  kill(): Promise<void>;
}

interface StartWish {
  /** Where scripts/start is. */
  readonly script: string;
  /** Where the server keeps its data. */
  readonly folder: string;
  readonly env: Record<string, string | undefined>;
  /** `host:port` of the page; default: any port. */
  readonly ws?: string;
}

/** Starts it on ports that nobody uses. Resolves when the page of its link is there. Rejects if it prints no link. */
export async function startFromSource({
  script,
  folder,
  env,
  ws = "127.0.0.1:0",
}: StartWish): Promise<StartedFromSource> {
  const ports = ["--tcp", "--monitor", "--api"].flatMap((name) => [name, "127.0.0.1:0"]);
  const words = [...endsWithParent(), script, "--ws", ws, ...ports];
  const child: Subprocess<"ignore", "pipe", "ignore"> = Bun.spawn(words, {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const decoder = new TextDecoder();
  let said = "";
  for await (const chunk of child.stdout) {
    said += decoder.decode(chunk, { stream: true });
    const [link] = /http:\/\/\S+#link=\S+(?=\n)/.exec(said) ?? [];
    if (link === undefined) continue;
    // A server that runs from source makes the page when it is first asked for.
    await fetch(new URL(link).origin);
    return { link, kill };
  }
  await kill();
  throw new Error(`scripts/start printed no link: ${said}`);
}
