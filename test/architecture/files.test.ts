// The files of src/: none is long, and none imports itself through others.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { Glob } from "bun";

const root = join(import.meta.dir, "../..");
const files = [...new Glob("src/**/*.{ts,tsx}").scanSync(root)].toSorted().filter((file) => !file.includes("/gen/"));
const text = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));

/** Lines of a file of src/, without generated code. */
const linesMax = 350;

/** The groups of files that import each other in a circle (Tarjan's strongly connected components), sorted. */
function circlesOf(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (file: string): number => {
    let low = order.size;
    const own = low;
    order.set(file, own);
    path.push(file);
    for (const target of edges.get(file) ?? []) {
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (path.includes(target)) low = Math.min(low, order.get(target) ?? low);
    }
    if (low === own) {
      const circle = path.splice(path.indexOf(file)).toSorted();
      if (circle.length > 1 || edges.get(file)?.includes(file) === true) circles.push(circle);
    }
    return low;
  };
  for (const file of edges.keys()) if (!order.has(file)) visit(file);
  return circles.toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1));
}

test("no file is longer than 350 lines, and half of them have at most 100", () => {
  const lines = Array.from(text, ([file, source]) => ({ file, count: source.split("\n").length - 1 }));
  expect(lines.filter(({ count }) => count > linesMax).map(({ file, count }) => `${file}: ${count}`)).toEqual([]);
  const counts = lines.map(({ count }) => count).toSorted((a, b) => a - b);
  const median = counts[Math.floor(counts.length / 2)] ?? 0;
  console.log(`src: ${counts.length} files, median ${median} lines, longest ${counts.at(-1)}`);
  expect(median).toBeLessThanOrEqual(100);
});

test("no file imports itself through others, types included", () => {
  const edges = new Map(
    [...text].map(([file, source]) => {
      const statements = source.matchAll(/^(?:import|export) [^;"]*?from "(\.[^"]+\.tsx?)"/gm);
      return [file, Array.from(statements, ([, path = ""]) => relative(root, resolve(root, dirname(file), path)))];
    }),
  );
  expect(
    circlesOf(
      new Map([
        ["a", ["b"]],
        ["b", ["c"]],
        ["c", ["b"]],
      ]),
    ),
  ).toEqual([["b", "c"]]);
  expect(circlesOf(edges)).toEqual([]);
});
