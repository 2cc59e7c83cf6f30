// Processes that a process of the bench starts: they end with it, however it ends.

import type { Spawn, Subprocess } from "bun";

const pids = new Set<number>();
let isWatching = false;

/** Kills this process when this one exits, unless `forget` was called. */
export function endWithThis(pid: number): void {
  pids.add(pid);
  if (isWatching) return;
  isWatching = true;
  process.on("exit", () => {
    for (const known of pids) kill(known);
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
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

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
    pids.delete(pid);
  }
}
