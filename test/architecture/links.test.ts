// The documents: every relative link, every #anchor and every source file that they name exists.

import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");
const documents = [...new Glob("**/*.md").scanSync(root)]
  .filter((path) => !/(^|\/)(node_modules|dist|data)\//.test(path))
  .toSorted();

/** Everybody who clones the repository gets all versions of them. */
const pictureBytesMax = 80_000;

/** A document without its blocks of code, in which brackets and # are no markup. */
function prose(path: string): string {
  return readFileSync(join(root, path), "utf8").replaceAll(/^(```+)[^]*?^\1$/gm, "");
}

/** The anchors of a document, as GitHub makes them of its headings. */
function anchorsOf(path: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of prose(path).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = text.replaceAll(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
    let anchor = slug;
    for (let repeated = 1; anchors.has(anchor); repeated++) anchor = `${slug}-${repeated}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** What is wrong with a link that stands in a document; undefined: nothing. */
function faultOf(document: string, link: string): string | undefined {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? document : relative(root, join(root, dirname(document), path));
  if (target.startsWith("..")) return `${document}: ${link} leaves the repository`;
  if (!existsSync(join(root, target))) return `${document}: ${link} names no file`;
  if (anchor === undefined) return undefined;
  const file = statSync(join(root, target)).isDirectory() ? join(target, "README.md") : target;
  if (!documents.includes(file)) return `${document}: ${link} names an anchor of what is no document`;
  return anchorsOf(file).has(anchor) ? undefined : `${document}: ${link} names no heading`;
}

test("every relative link and every anchor in a document resolves", () => {
  expect(documents).toContain("README.md");
  const faults: string[] = [];
  let relativeLinks = 0;
  for (const document of documents) {
    const text = prose(document).replaceAll(/(`+)[^`]+\1/g, "code");
    for (const [, link = ""] of text.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g)) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(link)) continue;
      relativeLinks++;
      const fault = faultOf(document, link);
      if (fault !== undefined) faults.push(fault);
    }
  }
  expect(faults).toEqual([]);
  expect(relativeLinks).toBeGreaterThan(20);
});

/** The pictures of a document, in markup of HTML and in its own; paths are relative to the root. */
function picturesOf(document: string): string[] {
  const links = prose(document).matchAll(/(?:\bsrc(?:set)?="|\]\()([^")\s]+\.png)/g);
  return Array.from(links, ([, path = ""]) => join(dirname(document), path));
}

test("every picture of a document exists, is small, and has a text; and every picture is shown", () => {
  const shown = documents.flatMap(picturesOf);
  const all = [...new Glob("scripts/pictures/*.png").scanSync(root)];
  expect(all.length).toBeGreaterThan(2);
  expect(new Set(shown)).toEqual(new Set(all));
  expect(all.filter((path) => statSync(join(root, path)).size > pictureBytesMax)).toEqual([]);
  const silent = documents.filter((path) => /<img (?![^>]*\balt="[^"])|!\[\]/.test(prose(path)));
  expect(silent).toEqual([]);
});

test("README.md has at most 200 lines, and every other document is found from it", () => {
  const lines = readFileSync(join(root, "README.md"), "utf8").trimEnd().split("\n");
  expect(lines.length).toBeLessThanOrEqual(200);
  const found = new Set<string>();
  const visit = (document: string): void => {
    if (found.has(document) || !documents.includes(document)) return;
    found.add(document);
    for (const [, link = ""] of prose(document).matchAll(/\]\(([^)#\s]+)/g)) visit(join(dirname(document), link));
  };
  visit("README.md");
  expect(documents.filter((path) => !found.has(path))).toEqual([]);
});

test("every source file that a document names exists", () => {
  const named = documents.flatMap((document) =>
    Array.from(readFileSync(join(root, document), "utf8").matchAll(/\bsrc\/[\w./-]+\.ts\b/g), ([path]) => path),
  );
  expect(named.length).toBeGreaterThan(10);
  expect([...new Set(named)].filter((path) => !existsSync(join(root, path)))).toEqual([]);
});
