// No line is longer than 120 characters, comments and strings included: what oxfmt breaks, and what it leaves alone.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");
const charactersMax = 120;

/** The longer lines of the files that match, as `file:line`. Generated code is left out. */
function longLines(pattern: string): string[] {
  return [...new Glob(pattern).scanSync(root)].toSorted().flatMap((file) => {
    if (file.includes("/gen/")) return [];
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    return lines.flatMap((line, at) => (line.length > charactersMax ? [`${file}:${at + 1}`] : []));
  });
}

test("no line of the source, the tests, the bench and the scripts is too long", () => {
  expect(longLines("{src,test,bench,scripts}/**/*.{ts,tsx,sh,awk}")).toEqual([]);
  const commands = "build,check,cluster,fuzz,generate,install,lint,micro,screenshots,start,test";
  expect(longLines(`scripts/{${commands}}`)).toEqual([]);
});
