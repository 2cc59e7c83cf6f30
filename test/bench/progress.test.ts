// The line for a person who waits.

import { expect, test } from "bun:test";
import { Progress } from "../../bench/progress.ts";

function drawing(isShown: boolean): { progress: Progress; written: string[] } {
  const written: string[] = [];
  return { progress: new Progress(isShown, (text) => void written.push(text)), written };
}

test("a bar is drawn over the last one, and goes away before anything else is printed", () => {
  const { progress, written } = drawing(true);
  progress.draw("talk tcp", "warming up", 0);
  progress.draw("talk tcp", "measuring", 0.5);
  progress.clear();
  const [first = "", second = "", cleared = ""] = written;
  expect(first).toMatch(/^\rtalk tcp \[·+\] warming up$/);
  expect(second).toMatch(/^\rtalk tcp \[(█+)(·+)\] measuring *$/);
  expect(second.split("█")).toHaveLength(second.split("·").length);
  expect(second).toHaveLength(first.length);
  expect(cleared).toMatch(/^\r +\r$/);
  progress.clear();
  expect(written).toHaveLength(3);
});

test("nothing is drawn where nobody looks", () => {
  const { progress, written } = drawing(false);
  progress.draw("talk tcp", "measuring", 0.5);
  progress.clear();
  expect(written).toEqual([]);
});
