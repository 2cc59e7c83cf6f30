// Makes the npm package of the client library: ES modules, a file for each of the source, so that a bundler takes those
// that a page needs, with their types and source maps.
//
//   sdk-package.ts FOLDER     the folder of the package, which is replaced; the packed file is put beside it

import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "..");

/** The entries of the package, by the names with which they are imported, and their files below src/. */
export const packageEntries: Readonly<Record<string, string>> = {
  ".": "sdk/core.ts",
  "./messenger": "sdk/messenger/messenger.ts",
  "./community": "sdk/community/community.ts",
  "./media": "sdk/media/files.ts",
  "./tab-device": "sdk/messenger/tab-device.ts",
  "./file-outbox": "sdk/messenger/file-outbox.ts",
};

/** Where a module names another one of the library. */
const specifier = /((?:from|import\() ?")(\.[^"]+)\.ts"/g;

/** The files that these lead to by what their texts import, themselves included; paths are relative to the folder. */
function reached(folder: string, entries: readonly string[], imported: RegExp, extension: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    for (const [, , path = ""] of readFileSync(join(folder, file), "utf8").matchAll(imported))
      visit(relative(folder, resolve(folder, dirname(file), `${path}${extension}`)));
  };
  entries.forEach(visit);
  return found;
}

/**
 * Compiles the library into `out`. The compiler gets a copy that names modules as the result does, by `.js`: its own
 * rewriting leaves the declarations alone.
 */
function compile(work: string, out: string): void {
  const files = [...reached(join(root, "src"), Object.values(packageEntries), specifier, ".ts")];
  for (const file of files) {
    const copy = join(work, "src", file);
    mkdirSync(dirname(copy), { recursive: true });
    writeFileSync(copy, readFileSync(join(root, "src", file), "utf8").replaceAll(specifier, '$1$2.js"'));
  }
  const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8"));
  const { tsBuildInfoFile: _, ...kept } = compilerOptions;
  const options = {
    ...kept,
    noEmit: false,
    incremental: false,
    allowImportingTsExtensions: false,
    target: "ES2022",
    module: "ESNext",
    typeRoots: [join(root, "node_modules")],
    rootDir: "src",
    outDir: out,
    declaration: true,
    sourceMap: true,
    inlineSources: true,
  };
  writeFileSync(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions: options, include: ["src"] }));
  run([process.execPath, "--bun", "run", "tsc", "--project", join(work, "tsconfig.json")], root);
  // Types that no entry leads to are nobody's, and some are those of Bun.
  const entries = Object.values(packageEntries).map((file) => file.replace(/\.ts$/, ".d.ts"));
  const typed = reached(out, entries, /((?:from|import\() ?")(\.[^"]+)\.js"/g, ".d.ts");
  for (const file of new Glob("**/*.d.ts").scanSync(out)) if (!typed.has(file)) rmSync(join(out, file));
}

/** What npm reads. */
function manifest(): object {
  const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const entries = Object.entries(packageEntries).map(([name, file]) => {
    const path = `./lib/${file.replace(/\.ts$/, "")}`;
    return [name, { types: `${path}.d.ts`, default: `${path}.js` }];
  });
  return {
    name: "roost-sdk",
    version,
    description: "The client library of Roost, an instant-messaging server",
    license,
    type: "module",
    sideEffects: false,
    engines: { node: ">=20", bun: ">=1.4" },
    exports: { ...Object.fromEntries(entries), "./package.json": "./package.json" },
    // Pages have no TCP.
    browser: { "./lib/sdk/tcp-transport.js": false },
    files: ["lib"],
  };
}

/** The guide, without links to files that the package does not have. */
function guide(): string {
  const text = readFileSync(join(root, "src/sdk/README.md"), "utf8");
  return text.replaceAll(/\[([^\]]+)\]\((?!#|https?:)[^)]+\)/g, "$1");
}

function run(command: readonly string[], cwd: string): void {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { cwd });
  if (exitCode !== 0)
    throw new Error(`${command.join(" ")} ended with ${exitCode}:\n${String(stdout)}${String(stderr)}`);
}

/** Makes the package in `folder`, and its packed file beside it. Throws if the library does not compile. */
export function makePackage(folder: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  // Beside the folder: a rename replaces it.
  const work = mkdtempSync(`${folder}-`);
  try {
    const made = join(work, "package");
    compile(work, join(made, "lib"));
    writeFileSync(join(made, "package.json"), `${JSON.stringify(manifest(), undefined, 2)}\n`);
    writeFileSync(join(made, "README.md"), guide());
    cpSync(join(root, "LICENSE"), join(made, "LICENSE"));
    run([process.execPath, "pm", "pack", "--quiet", "--ignore-scripts", "--destination", dirname(folder)], made);
    rmSync(folder, { recursive: true, force: true });
    renameSync(made, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error("sdk-package.ts FOLDER: expected the folder of the package");
  makePackage(resolve(folder));
}
