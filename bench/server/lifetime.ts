// Processes that a process of the bench starts, and folders that it makes: they end with it, however it ends, unless it is
// killed with no time to say anything.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Spawn, Subprocess } from "bun";

const pids = new Set<number>();
const folders = new Set<string>();
let isWatching = false;

/** Kills that process when this one exits, unless `forget` was called. */
export function endWithThis(pid: number): void {
  pids.add(pid);
  watch();
}

/** It has ended. */
export function forget(pid: number): void {
  pids.delete(pid);
}

/** Starts a process that ends with this one. */
export function spawnChild<In extends Spawn.Writable, Out extends Spawn.Readable, Err extends Spawn.Readable>(
  words: string[],
  options: Spawn.SpawnOptions<In, Out, Err>,
): Subprocess<In, Out, Err> {
  const child = Bun.spawn(words, options);
  endWithThis(child.pid);
  void child.exited.then(() => forget(child.pid));
  return child;
}

/** A folder of its own for each server. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "roost-bench-"));
  folders.add(folder);
  watch();
  return folder;
}

/** Removes it with all that is in it. */
export function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

function watch(): void {
  if (isWatching) return;
  isWatching = true;
  process.on("exit", () => {
    for (const pid of pids) kill(pid);
    for (const folder of folders) removeFolder(folder);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
    pids.delete(pid);
  }
}
