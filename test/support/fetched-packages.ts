// Packages of npm that a test needs and the repository does not, installed once into .tools/.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const tools = join(import.meta.dir, "../../.tools");

/** A folder with these in its node_modules/, or why it is missing. */
export type Fetched = { readonly folder: string } | { readonly missing: string };

/**
 * Installs packages (`vite@8.4.0`) into .tools/NAME, unless they are there. `isFit` says whether what was installed is
 * of use here.
 */
export function fetchedPackages(
  name: string,
  packages: readonly string[],
  isFit: (folder: string) => boolean = () => true,
): Fetched {
  const folder = join(tools, name);
  if (existsSync(folder)) return { folder };
  mkdirSync(tools, { recursive: true });
  // Two test runs may install at once: each in a folder of its own, and it appears whole.
  const draft = mkdtempSync(join(tools, "draft-"));
  try {
    writeFileSync(join(draft, "package.json"), '{ "private": true }');
    const words = [process.execPath, "add", "--silent", ...packages];
    const { exitCode, stderr } = Bun.spawnSync(words, { cwd: draft, stdout: "ignore", stderr: "pipe" });
    if (exitCode !== 0 || !isFit(draft))
      return { missing: `${packages.join(", ")} cannot be installed: ${stderr.toString().slice(0, 200)}` };
    if (!existsSync(folder)) renameSync(draft, folder);
    return { folder };
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
