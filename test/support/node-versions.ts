// Versions of Node for tests of the client library: the one on PATH, and those of npm's packages of Node's program for
// each system (the package `node` chooses among them).

import { join } from "node:path";
import { fetchedPackages } from "./fetched-packages.ts";

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
  const name = `${packageName}-${major}`;
  const isFit = (folder: string): boolean => versionOf(join(folder, program)) !== undefined;
  const fetched = fetchedPackages(name, [`${packageName}@${major}`], isFit);
  return "missing" in fetched ? fetched : { path: join(fetched.folder, program) };
}
