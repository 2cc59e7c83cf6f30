// Loaded before every test file (bunfig.toml). scripts/test bundles the files of the store's threads once for its run;
// threads that a test process starts load the bundle, which takes half the time of reading some sixty sources. Without
// scripts/test they load the sources, so no bundle is ever older than what is tested.

import { existsSync } from "node:fs";
import { join } from "node:path";

const folder = process.env["TEST_FOLDER"];
const sources = new URL("../../src/", import.meta.url).href;

/** The bundle of a source file of the product, else the file itself. */
function bundleOf(file: string, bundles: string): string {
  if (!file.startsWith(sources)) return file;
  const bundle = join(bundles, file.slice(sources.length).replace(/\.ts$/, ".js"));
  return existsSync(bundle) ? bundle : file;
}

if (folder !== undefined) {
  const bundles = join(folder, "workers");
  globalThis.Worker = new Proxy(Worker, {
    construct: (target, [file, ...options]: [string | URL, ...unknown[]]) =>
      Reflect.construct(target, [bundleOf(`${file}`, bundles), ...options]),
  });
}
