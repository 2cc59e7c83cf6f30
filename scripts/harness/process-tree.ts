// Processes with all that they have started, by the kernel's own table (Linux).

import { readdirSync, readFileSync } from "node:fs";

interface Entry {
  readonly parent: number;
  /** One letter, as in proc(5): Z is a zombie. */
  readonly state: string;
}

function entryOf(pid: number): Entry | undefined {
  try {
    // The name in brackets may hold anything.
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "", parent = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    // It has just ended.
    return undefined;
  }
}

/** True of one that has not ended; a zombie has. */
export function isRunning(pid: number): boolean {
  const entry = entryOf(pid);
  return entry !== undefined && entry.state !== "Z";
}

/** These processes and their descendants that run, parents first. */
function withDescendants(pids: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const entry = Number.isInteger(pid) ? entryOf(pid) : undefined;
    if (entry !== undefined && entry.state !== "Z")
      children.set(entry.parent, [...(children.get(entry.parent) ?? []), pid]);
  }
  const found = new Set<number>();
  const visit = (pid: number): void => {
    if (found.has(pid)) return;
    found.add(pid);
    for (const child of children.get(pid) ?? []) visit(child);
  };
  for (const pid of pids) if (isRunning(pid)) visit(pid);
  return [...found];
}

/**
 * Sends a signal to these processes and all of their descendants, also to those that are started meanwhile, and returns
 * whom it was sent to.
 */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): number[] {
  const told = new Set<number>();
  for (let fresh = withDescendants(pids); fresh.length > 0;) {
    for (const pid of fresh) {
      told.add(pid);
      try {
        process.kill(pid, signal);
      } catch {
        // It has just ended.
      }
    }
    fresh = withDescendants([...pids, ...told]).filter((pid) => !told.has(pid));
  }
  return [...told];
}
