// Versions of Node for tests of the client library: the one on PATH, and those of npm's packages of Node's program for
// each system (the package `node` chooses among them), installed once into .tools/.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const tools = join(import.meta.dir, "../../.tools");
const packageName = `node-${process.platform}-${process.arch}`;
const program = `node_modules/${packageName}/bin/node`;

/** What Node prints as its version, `v20.20.2`; undefined when it does not run. */
function versionOf(path: string): string | undefined {
  const { exitCode, stdout } = Bun.spawnSync([path, "--version"], { stderr: "ignore" });
  return exitCode === 0 ? stdout.toString().trim() : undefined;
}

/** Where a Node of that major version is, or why it is missing. */
export function nodeOf(major: number): { readonly path: string } | { readonly missing: string } {
  const onPath = Bun.which("node");
  if (onPath !== null && versionOf(onPath)?.startsWith(`v${major}.`) === true) return { path: onPath };
  const folder = join(tools, `${packageName}-${major}`);
  const path = join(folder, program);
  if (existsSync(path)) return { path };
  mkdirSync(tools, { recursive: true });
  // Two test runs may install at once: each in a folder of its own, and it appears whole.
  const draft = mkdtempSync(join(tools, "node-draft-"));
  try {
    writeFileSync(join(draft, "package.json"), '{ "private": true }');
    const words = [process.execPath, "add", "--silent", `${packageName}@${major}`];
    const { exitCode, stderr } = Bun.spawnSync(words, { cwd: draft, stdout: "ignore", stderr: "pipe" });
    if (exitCode !== 0 || versionOf(join(draft, program)) === undefined)
      return {
        missing: `the package ${packageName} does not install Node ${major}: ${stderr.toString().slice(0, 200)}`,
      };
    if (!existsSync(folder)) renameSync(draft, folder);
    return { path };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
