// No line is longer than 120 characters, comments and strings included: what oxfmt breaks, and what it leaves alone.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");
const charactersMax = 120;
/** The folders of src/ whose lines all fit: one that fits is added; once all are, `src/**` takes their place. */
const narrow: readonly string[] = [];

/** The longer lines of the files that match, as `file:line`. Generated code is left out. */
function longLines(pattern: string): string[] {
  return [...new Glob(pattern).scanSync(root)].toSorted().flatMap((file) => {
    if (file.includes("/gen/")) return [];
    const lines = readFileSync(join(root, file), "utf8").split("\n");
    return lines.flatMap((line, at) => (line.length > charactersMax ? [`${file}:${at + 1}`] : []));
  });
}

test("no line of the tests, the bench and the scripts is too long", () => {
  expect(longLines("{test,bench,scripts}/**/*.{ts,sh,awk}")).toEqual([]);
  expect(longLines("scripts/{build,check,cluster,fuzz,generate,install,lint,micro,start,test}")).toEqual([]);
});

test("no line of the folders of src that hold to it is too long", () => {
  expect(narrow.flatMap((folder) => longLines(`src/${folder}/**/*.ts`))).toEqual([]);
});

const rest = longLines("src/**/*.ts");
if (rest.length > 0) test.todo(`no line of src is too long: ${rest.length} are`);
