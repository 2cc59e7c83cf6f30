// For tests of text that has to be gone from the files of a store.

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { World } from "./log-and-runs.ts";
import type { Process } from "./log-process.ts";

const minuteMs = 60_000;

/** The files of the store that hold the text. */
export function filesWith(world: World, text: string): string[] {
  const folder = dirname(world.path);
  const stem = basename(world.path).replace(/\.db$/, "");
  const files = readdirSync(folder).filter((name) => name.startsWith(stem));
  return files.filter((name) => readFileSync(join(folder, name)).includes(text));
}

/** The looks of so many minutes, after which the compactor works. */
export function pass(world: World, process: Process, minutes: number): void {
  for (let minute = 0; minute < minutes; minute++) {
    world.nowMs += minuteMs;
    process.writer.look(0);
    process.settle();
  }
}
