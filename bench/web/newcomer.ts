// What a newcomer waits for: from the begin of `git clone` until a first message is on another browser's screen.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { begin, hears, openRoom, say, WebBrowser } from "../../test/support/web-page.ts";
import { makeFolder, removeFolder, spawnChild } from "../server/lifetime.ts";
import { startFromSource } from "./from-source.ts";

const root = join(import.meta.dir, "../..");

interface FirstMessage {
  /** Milliseconds from the begin: until the files are there, until the page of the server's link is, the message. */
  readonly clonedMs: number;
  readonly pageMs: number;
  readonly messageMs: number;
}

/** Why there is no newcomer here; undefined: there may be one. */
export function newcomerMissing(): string | undefined {
  if (!existsSync(join(root, ".git"))) return "this folder is no clone of a Git repository";
  return ["git", "npm"]
    .map((name) => (Bun.which(name) === null ? `there is no ${name} on PATH` : undefined))
    .find(Boolean);
}

/**
 * The environment of somebody who has Node.js with npm, and no Bun. Packages come from the registry, or from the caches
 * of npm and Bun in the home folder.
 */
export function environmentWithoutBun(): Record<string, string | undefined> {
  const folders = (process.env["PATH"] ?? "").split(":").filter((folder) => !existsSync(join(folder, "bun")));
  return { ...process.env, PATH: folders.join(":") };
}

/** Clones what this repository has committed, and does what README.md says. */
export async function talkFromClone(env: Record<string, string | undefined>): Promise<FirstMessage> {
  const folder = makeFolder();
  const clone = join(folder, "roost");
  const begunMs = performance.now();
  const sinceMs = (): number => performance.now() - begunMs;
  const git = spawnChild(["git", "clone", "--quiet", `file://${root}`, clone], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    if ((await git.exited) !== 0) throw new Error(`git clone of ${root} failed (exit status ${git.exitCode})`);
    const clonedMs = sinceMs();
    const server = await startFromSource({ script: join(clone, "scripts/start"), folder: clone, env });
    try {
      const pageMs = sinceMs();
      await talk(server.link);
      return { clonedMs, pageMs, messageMs: sinceMs() };
    } finally {
      await server.kill();
    }
  } finally {
    removeFolder(folder);
  }
}

/** Two people come in by the link, and one hears the other. */
async function talk(link: string): Promise<void> {
  const browser = await WebBrowser.launch();
  try {
    const [ann, ben] = [await browser.person(link, "ann"), await browser.person(link, "ben")];
    await begin(ann, "ben");
    await say(ann, "hello ben");
    await openRoom(ben, "ann");
    await hears(ben, "hello ben");
  } finally {
    await browser.close();
  }
}
