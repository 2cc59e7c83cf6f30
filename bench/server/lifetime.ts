// Processes that a process of the bench starts, and folders that it makes: they end with it, however it ends. Only
// folders stay when it is killed with no time to do anything.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Spawn, Subprocess } from "bun";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";

const endings = new Set<() => void>();
const folders = new Map<string, () => void>();
let isWatching = false;

/** Does something when this process ends; the last one first. Returns how to forget it. */
export function atEnd(ending: () => void): () => void {
  endings.add(ending);
  watch();
  return () => void endings.delete(ending);
}

/** Starts a process. `signal`: how it is ended; one that has started others must have the time to end them. */
export function spawnChild<In extends Spawn.Writable, Out extends Spawn.Readable, Err extends Spawn.Readable>(
  words: string[],
  options: Spawn.SpawnOptions<In, Out, Err>,
  signal: "SIGKILL" | "SIGTERM" = "SIGKILL",
): Subprocess<In, Out, Err> {
  const child = Bun.spawn([...endsWithParent(), ...words], options);
  void child.exited.then(atEnd(() => child.kill(signal)));
  return child;
}

/** True of one that a signal has ended, too. */
export function hasEnded({ exitCode, signalCode }: Subprocess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** How a process that has ended did. */
export function endOf({ exitCode, signalCode }: Subprocess): string {
  return signalCode === null ? `exit status ${exitCode}` : String(signalCode);
}

/** A folder of its own for each server. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "roost-bench-"));
  folders.set(
    folder,
    atEnd(() => rmSync(folder, { recursive: true, force: true })),
  );
  return folder;
}

/** Removes it with all that is in it. */
export function removeFolder(folder: string): void {
  folders.get(folder)?.();
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

function watch(): void {
  if (isWatching) return;
  isWatching = true;
  process.on("exit", () => {
    for (const ending of [...endings].toReversed()) ending();
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));
}
