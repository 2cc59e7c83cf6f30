// The attackers' process as the generator holds it.

import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { endOf, hasEnded, spawnChild } from "../server/lifetime.ts";
import type { AttackJob } from "./attacker-main.ts";

const main = join(import.meta.dir, "attacker-main.ts");
/** What signing in a thousand, or registering 20,000, may take. */
const prepareMsMax = 60_000;

export interface Attackers {
  /** Begins the attack. */
  begin(): void;
  /** Ends the process, and with it all of its connections. Throws when it has ended by itself before. */
  end(): Promise<void>;
}

/** Starts it; resolves when the attack is prepared. Rejects with a sentence. */
export async function startAttackers(job: AttackJob): Promise<Attackers> {
  const child = spawnChild([process.execPath, main], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
  // Others must not wait for a processor that the attackers have.
  setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const errors = new Response(child.stderr).text();
  const say = (line: string): void => {
    void child.stdin.write(`${line}\n`);
    void child.stdin.flush();
  };
  const failure = async (): Promise<Error> => {
    // The stack of an error stands before and after its sentence; a crash has none.
    const lines = (await errors).split("\n").filter((text) => text.trim() !== "");
    const line = lines.find((text) => text.startsWith("error: ")) ?? lines.at(-1);
    return new Error(`the attackers gave up (${endOf(child)}): ${line ?? "they said nothing"}`);
  };
  const timer = setTimeout(() => child.kill("SIGKILL"), prepareMsMax);
  say(JSON.stringify(job));
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("ready")) break;
  }
  clearTimeout(timer);
  if (!text.includes("ready")) {
    await child.exited;
    throw await failure();
  }
  return {
    begin: () => say("begin"),
    async end() {
      const isOver = hasEnded(child);
      child.kill("SIGKILL");
      await child.exited;
      // One that was refused everything may be done before.
      if (isOver && child.exitCode !== 0) throw await failure();
    },
  };
}
