import { afterEach, expect, test } from "bun:test";
import { appendFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileWatch } from "../../src/base/file-watch.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-file-watch-");
const watches: FileWatch[] = [];

afterEach(() => {
  for (const watch of watches.splice(0)) watch.stop();
});

function watched(...names: string[]) {
  const paths = names.map((name) => join(folder, name));
  for (const path of paths) if (!path.endsWith("-link")) writeFileSync(path, "one");
  const timers = new ManualTimers();
  let changes = 0;
  const watch = new FileWatch({ timers, paths: () => paths, changed: () => changes++ });
  watches.push(watch);
  return { watch, paths, timers, path: paths[0] ?? "", count: () => changes };
}

test("calls once after the start, and then for each change within a second", () => {
  const { path, timers, count } = watched("whole");
  timers.advance(5_000);
  expect(count()).toBe(1);
  writeFileSync(path, "two");
  timers.advance(1_000);
  expect(count()).toBe(2);
  writeFileSync(`${path}.new`, "two");
  renameSync(`${path}.new`, path);
  timers.advance(1_000);
  expect(count()).toBe(3);
  rmSync(path);
  timers.advance(10_000);
  expect(count()).toBe(4);
  writeFileSync(path, "back");
  timers.advance(1_000);
  expect(count()).toBe(5);
});

test("waits while a file is being written", () => {
  const { path, timers, count } = watched("growing");
  timers.advance(1_000);
  for (let part = 0; part < 20; part++) {
    appendFileSync(path, "more");
    timers.advance(500);
  }
  expect(count()).toBe(1);
  timers.advance(500);
  expect(count()).toBe(2);
});

test("takes files that change one after the other as one change", () => {
  const { paths, timers, count } = watched("first", "second");
  timers.advance(1_000);
  for (const path of paths) {
    writeFileSync(path, "another");
    timers.advance(500);
  }
  timers.advance(500);
  expect(count()).toBe(2);
});

test("notices that a link leads elsewhere", () => {
  const [one, other, link] = ["target-1", "target-2", "a-link"].map((name) => join(folder, name));
  if (one === undefined || other === undefined || link === undefined) throw new Error("there are three");
  for (const path of [one, other]) writeFileSync(path, "same");
  symlinkSync(one, link);
  const { timers, count } = watched("a-link");
  timers.advance(1_000);
  rmSync(link);
  symlinkSync(other, link);
  timers.advance(1_000);
  expect(count()).toBe(2);
});

test("does not call for what was read meanwhile, nor after its end", () => {
  const { watch, path, timers, count } = watched("skipped");
  timers.advance(1_000);
  writeFileSync(path, "another");
  watch.skip();
  timers.advance(5_000);
  expect(count()).toBe(1);
  watch.stop();
  writeFileSync(path, "a third one");
  timers.advance(5_000);
  expect(count()).toBe(1);
});

test("leaves a pipe alone, which its reader has emptied", () => {
  const path = join(folder, "pipe-link");
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
  const { timers, count } = watched("pipe-link");
  timers.advance(5_000);
  expect(count()).toBe(0);
});
