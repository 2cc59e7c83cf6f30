// The package of the client library, made and installed as its users do, in a folder without anything else.

import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makePackage } from "../../scripts/sdk-package.ts";

const root = join(import.meta.dir, "../..");

export interface InstalledSdk {
  /** The package before it was packed. */
  readonly made: string;
  /** The folder in whose node_modules/ it is. */
  readonly folder: string;
  /** Writes a file into the folder; returns its path. */
  write(name: string, text: string): string;
  /** What the strict compiler says of these files, with types of the package and of pages alone; '' if nothing. */
  complaints(files: readonly string[], options?: object): string;
}

/** Makes the package below `where` and installs the packed file: with npm, where it is installed, else with Bun. */
export function installSdk(where: string): InstalledSdk {
  const made = join(where, "made", "sdk");
  makePackage(made);
  const packed = readdirSync(join(where, "made")).find((name) => name.endsWith(".tgz")) ?? "no packed file";
  const folder = mkdtempSync(join(where, "user-"));
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const file = join(where, "made", packed);
  const npm = Bun.which("npm");
  output(npm === null ? [process.execPath, "add", file] : [npm, "install", "--offline", "--no-audit", file], folder);
  return {
    made,
    folder,
    write(name, text) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    },
    complaints(files, options = {}) {
      const compilerOptions = {
        ...{ noEmit: true, strict: true, skipLibCheck: false, noUncheckedIndexedAccess: true },
        ...{ exactOptionalPropertyTypes: true, noPropertyAccessFromIndexSignature: true, verbatimModuleSyntax: true },
        ...{ target: "ES2022", lib: ["ES2022", "DOM"], types: [], module: "nodenext" },
        ...options,
      };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
      const { stdout } = Bun.spawnSync([process.execPath, "--bun", "run", "tsc", "--project", folder], { cwd: root });
      return String(stdout);
    },
  };
}

/** What a program prints. Throws what it wrote to standard error, if it failed. */
export function output(command: readonly string[], cwd: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd });
  if (exitCode !== 0)
    throw new Error(`${command.join(" ")} ended with ${exitCode}:\n${String(stdout)}${String(stderr)}`);
  return String(stdout);
}
