// Versions of Node for tests of the client library: the one on PATH, and those that npm's package `node` installs,
// once, into .tools/node-<version>/.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const tools = join(import.meta.dir, "../../.tools");

/** What Node prints as its version, `v20.20.2`; undefined when it does not run. */
function versionOf(path: string): string | undefined {
  const { exitCode, stdout } = Bun.spawnSync([path, "--version"], { stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : undefined;
}

/** Where a Node of that major version is, or why it is missing. */
export function nodeOf(major: number): { readonly path: string } | { readonly missing: string } {
  const onPath = Bun.which("node");
  if (onPath !== null && versionOf(onPath)?.startsWith(`v${major}.`) === true) return { path: onPath };
  const folder = join(tools, `node-${major}`);
  const path = join(folder, "node_modules/node/bin/node");
  if (existsSync(path)) return { path };
  const npm = Bun.which("npm");
  if (npm === null) return { missing: `there is no Node ${major} on PATH, and no npm to install it` };
  mkdirSync(tools, { recursive: true });
  // Two test runs may install at once: each in a folder of its own, and it appears whole.
  const draft = mkdtempSync(join(tools, "node-draft-"));
  try {
    writeFileSync(join(draft, "package.json"), '{ "private": true }');
    const words = [npm, "install", "--prefix", draft, "--no-save", "--no-audit", "--no-fund", `node@${major}`];
    const { exitCode, stderr } = Bun.spawnSync(words, { stdout: "ignore", stderr: "pipe" });
    if (exitCode !== 0 || versionOf(join(draft, "node_modules/node/bin/node")) === undefined)
      return { missing: `npm does not install Node ${major} here: ${stderr.toString().slice(0, 200)}` };
    if (!existsSync(folder)) renameSync(draft, folder);
    return { path };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
