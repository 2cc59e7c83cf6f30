// Writes the files of the web chat into one archive, for scripts/build: its path is the first argument.

import { bundleSite } from "../src/site/bundle.ts";

const [path = ""] = process.argv.slice(2);
if (path === "") throw new Error("scripts/site.ts: expected the path of the archive");
await Bun.Archive.write(path, await bundleSite());
