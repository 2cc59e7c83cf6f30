// Finds the process that holds a lock of a file. For the log, the one with the write lock of a database: a process that
// was stopped or hangs while it writes blocks all that share the file, and SQLite does not name it. Linux lists the
// locks of files. The file is not opened here, because closing a second descriptor would release all locks of this
// process on it.

import { readdirSync, readFileSync, statSync } from "node:fs";

/** The byte of the `-shm` file that the writer of a database in WAL mode locks (sqlite.org/walformat.html). */
const writeLockByte = 120;
const allLocks = "/proc/locks";
/** A database is opened early and has one of the first descriptors; a gateway may have 100,000. */
const descriptorsMax = 64;

/**
 * Returns a sentence such as `the process 4711 (roost) holds the write lock`, or undefined if the process cannot be
 * determined. `list` is the file with the locks of all processes.
 */
export function writeLockHolder(path: string, list = allLocks): string | undefined {
  const pid = holderOf(`${path}-shm`, `WRITE (\\d+) [0-9a-f]+:[0-9a-f]+:INODE ${writeLockByte} `, list);
  return pid === undefined ? undefined : `the process ${pid}${describe(pid)} holds the write lock`;
}

/**
 * Returns a process that holds a lock of a file, an exclusive one or any; undefined if none does, or it cannot be
 * determined.
 */
export function lockHolder(path: string, kind: "exclusive" | "any"): number | undefined {
  const word = kind === "exclusive" ? "WRITE" : "(?:READ|WRITE)";
  return holderOf(path, `${word} (\\d+) [0-9a-f]+:[0-9a-f]+:INODE `, allLocks);
}

/** `lock` is the pattern of a lock, with INODE for the file's. */
function holderOf(file: string, lock: string, list: string): number | undefined {
  let inode: number;
  try {
    inode = statSync(file).ino;
  } catch {
    return undefined;
  }
  // `1: POSIX  ADVISORY  WRITE 4711 fe:00:10108953 120 120`; a waiting one has `->` behind its number.
  const line = new RegExp(`^(?:lock:\\s*)?\\d+: POSIX +ADVISORY +${lock.replace("INODE", `${inode}`)}`, "m");
  for (const locks of lockLists(list)) {
    const pid = Number(line.exec(locks)?.[1] ?? 0);
    if (pid > 0) return pid;
  }
  return undefined;
}

/** Yields all locks, or those of each process where a systemd unit (`ProcSubset=pid`) hides the list. */
function* lockLists(list: string): Generator<string> {
  const all = textOf(list);
  if (all !== "") {
    yield all;
    return;
  }
  for (const process of namesIn("/proc").filter((name) => /^\d+$/.test(name))) {
    const descriptors = namesIn(`/proc/${process}/fdinfo`).toSorted((a, b) => Number(a) - Number(b));
    for (const descriptor of descriptors.slice(0, descriptorsMax))
      yield textOf(`/proc/${process}/fdinfo/${descriptor}`);
  }
}

/** Returns the process's name, and whether it is stopped, in parentheses. */
function describe(pid: number): string {
  const status = textOf(`/proc/${pid}/status`);
  const name = /^Name:\s*(.*)$/m.exec(status)?.[1];
  if (name === undefined) return "";
  return /^State:\s*[Tt]/m.test(status) ? ` (${name}, which has been stopped)` : ` (${name})`;
}

// The process may end meanwhile, or belong to another user.

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
