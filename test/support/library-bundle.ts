// The client library as a page gets it: bundled for browsers, minified, divided into what each entry loads.

import { join, relative } from "node:path";

const root = join(import.meta.dir, "../..");
export const libraryEntry: string = join(root, "src/sdk/core.ts");
/** The second entry. */
export const messengerEntry: string = join(root, "src/sdk/messenger/messenger.ts");
/** The third entry. */
export const communityEntry: string = join(root, "src/sdk/community/community.ts");
/** The fourth entry. */
export const filesEntry: string = join(root, "src/sdk/media/files.ts");
/** A device for each tab, which a page may do without. */
export const tabDeviceEntry: string = join(root, "src/sdk/messenger/tab-device.ts");

/** One file of a bundle. */
export interface BundledFile {
  readonly path: string;
  readonly text: string;
  /** As an HTTP server sends it: compressed with gzip at its highest level. */
  readonly gzipBytes: number;
  /** The files of the bundle that are loaded with it. */
  readonly imports: readonly string[];
  /** The sources in it, from the root of the repository. */
  readonly sources: readonly string[];
}

/** Bundles entries that share what they have in common; returns the files by their names. */
export async function bundle(entrypoints: readonly string[]): Promise<ReadonlyMap<string, BundledFile>> {
  const { outputs, metafile } = await Bun.build({
    entrypoints: [...entrypoints],
    target: "browser",
    format: "esm",
    minify: true,
    splitting: true,
    metafile: true,
  });
  const files = new Map<string, BundledFile>();
  for (const output of outputs) {
    const text = await output.text();
    const { imports, inputs } = metafile?.outputs[output.path] ?? { imports: [], inputs: {} };
    files.set(output.path, {
      path: output.path,
      text,
      gzipBytes: Bun.gzipSync(text, { level: 9 }).length,
      imports: imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path),
      sources: Object.keys(inputs).map((path) => relative(root, join(root, path))),
    });
  }
  return files;
}

/** The files that are loaded with the entry of that name, it included: what is imported on demand is not. */
export function loadedBy(files: ReadonlyMap<string, BundledFile>, name: string): readonly BundledFile[] {
  const loaded = new Set<BundledFile>();
  const load = (path: string): void => {
    const file = files.get(path);
    if (file === undefined) throw new Error(`the bundle has no ${path}, but ${[...files.keys()].join(", ")}`);
    if (loaded.has(file)) return;
    loaded.add(file);
    file.imports.forEach(load);
  };
  load([...files.keys()].find((path) => path.endsWith(`/${name}`)) ?? name);
  return [...loaded];
}
