// The executable of the release before this one, built from the repository's own history, for tests of clusters in
// which both run. It is built once, into .tools/former/, by that release's own scripts/build with the packages
// installed here.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";

/** The commit of the last release. It moves on when a release is made. */
const commit = "0b3cfe0178df3944d0bfee978a4ec35545eacfe3";

const root = join(import.meta.dir, "../..");
const folder = join(root, ".tools/former");
const binary = join(folder, commit, "roost");

interface Finished {
  readonly status: number;
  readonly out: Buffer;
  readonly err: string;
}

function runSync(words: readonly string[], cwd: string, input?: Uint8Array): Finished {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}` };
  const child = Bun.spawnSync([...words], { cwd, env, stdin: input ?? "ignore", stdout: "pipe", stderr: "pipe" });
  return { status: child.exitCode, out: child.stdout, err: child.stderr.toString() };
}

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly engines?: unknown;
}

/** True if what is installed for one release has the packages and the Bun that another one is built with. */
function suffices(installed: PackageJson, wanted: PackageJson): boolean {
  const packages = { ...installed.devDependencies, ...installed.dependencies };
  return (
    Object.entries(wanted.dependencies ?? {}).every(([name, version]) => packages[name] === version) &&
    JSON.stringify(installed.engines) === JSON.stringify(wanted.engines)
  );
}

async function whyMissing(): Promise<string | undefined> {
  if (existsSync(binary)) return undefined;
  if (["git", "tar", "bash"].some((name) => Bun.which(name) === null)) return "git, tar or bash is not installed";
  const shown = runSync(["git", "show", `${commit}:package.json`], root);
  if (shown.status !== 0) return `there is no history with the commit ${commit.slice(0, 7)} here`;
  const current = await readFile(join(root, "package.json"), "utf8");
  if (!suffices(JSON.parse(current), JSON.parse(shown.out.toString())))
    return `${commit.slice(0, 7)} needs other packages than those installed here`;
  return undefined;
}

/** Why tests with the former release are skipped; undefined when they are not. */
export const formerReleaseMissing: string | undefined = await whyMissing();

/** What starts the former release. Builds it when that has not been done yet. */
export function formerRelease(): readonly string[] {
  if (!existsSync(binary)) build();
  return [binary];
}

function build(): void {
  mkdirSync(dirname(binary), { recursive: true });
  // Two test runs may build at once: each in a folder of its own, and the executable appears whole.
  const source = mkdtempSync(join(folder, "source-"));
  try {
    const archive = succeeded(runSync(["git", "archive", commit], root));
    succeeded(runSync(["tar", "-x"], source, archive.out));
    symlinkSync(join(root, "node_modules"), join(source, "node_modules"));
    succeeded(runSync(["bash", "scripts/build"], source));
    renameSync(join(source, "dist/roost"), binary);
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
}

function succeeded(finished: Finished): Finished {
  if (finished.status !== 0) throw new Error(`the former release could not be built: ${finished.err}`);
  return finished;
}
