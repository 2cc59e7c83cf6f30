// A lock file with the id of the process that holds it, for Bun and Node, which have no other locks in common. It
// appears whole, and that of a dead process is taken away by one process alone.

import { linkSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/**
 * What this process holds, by paths without symbolic links: a lock with its id that is not among them is of an earlier
 * process with the same id.
 */
const held = new Set<string>();
let takes = 0;

export class FileLock {
  private readonly path: string;
  /** What `held` has of it. */
  private key: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Takes the lock; returns the id of the process that holds it if that is alive. */
  take(): number | undefined {
    const key = join(realpathSync(dirname(this.path)), basename(this.path));
    const mine = `${this.path}.${process.pid}-${++takes}`;
    writeFileSync(mine, `${process.pid}\n`, { mode: 0o600 });
    try {
      for (;;) {
        if (linked(mine, this.path)) break;
        const holder = holderOf(this.path);
        if (holder === undefined) continue;
        if (isAlive(holder, key)) return holder;
        this.removeOf(holder, mine);
      }
    } finally {
      rmSync(mine, { force: true });
    }
    held.add(key);
    this.key = key;
    return undefined;
  }

  release(): void {
    if (this.key === undefined) return;
    held.delete(this.key);
    this.key = undefined;
    rmSync(this.path, { force: true });
  }

  /** Moves the dead one's lock aside; if another process has replaced it meanwhile, puts that one's back. */
  private removeOf(dead: number, mine: string): void {
    const aside = `${mine}-dead`;
    try {
      renameSync(this.path, aside);
    } catch (error) {
      if (isCode(error, "ENOENT")) return;
      throw error;
    }
    if (holderOf(aside) !== dead) linked(aside, this.path);
    rmSync(aside, { force: true });
  }
}

function isAlive(pid: number, key: string): boolean {
  if (pid === process.pid) return held.has(key);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isCode(error, "ESRCH");
  }
}

/** False if there is something at the path. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

/** Undefined if there is no lock any more. */
function holderOf(path: string): number | undefined {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
