// Which process keeps the write lock of a database, for the log: a process that was stopped or hangs while it writes stops
// all that share the file, and nothing of SQLite names it. Linux shows the locks of files; nothing is opened for it, since
// closing a second descriptor of a file would let go of all locks that this process has on it.

import { readdirSync, readFileSync, statSync } from "node:fs";

/** The byte of the `-shm` file that whoever writes to a database in WAL mode has locked (sqlite.org/walformat.html). */
const writeLockByte = 120;
/** A database is opened early, so its descriptors are among the first; a gateway may have 100,000. */
const descriptorsMax = 64;

/** A sentence such as `the process 4711 (roost) holds the write lock and is stopped`; undefined when it cannot be found out. `list`: where the locks of all processes stand. */
export function writeLockHolder(path: string, list = "/proc/locks"): string | undefined {
  const pid = holderOf(`${path}-shm`, list);
  return pid === undefined ? undefined : `the process ${pid}${describe(pid)} holds the write lock`;
}

function holderOf(file: string, list: string): number | undefined {
  let inode: number;
  try {
    inode = statSync(file).ino;
  } catch {
    return undefined;
  }
  // `1: POSIX  ADVISORY  WRITE 4711 fe:00:10108953 120 120`; a waiting one has `->` behind its number.
  const line = new RegExp(
    `^(?:lock:\\s*)?\\d+: POSIX +ADVISORY +WRITE (\\d+) [0-9a-f]+:[0-9a-f]+:${inode} ${writeLockByte} `,
    "m",
  );
  for (const locks of lockLists(list)) {
    const pid = Number(line.exec(locks)?.[1] ?? 0);
    if (pid > 0) return pid;
  }
  return undefined;
}

/** All locks, or those of each process where a unit of systemd (`ProcSubset=pid`) hides the list of all. */
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

/** What the process is, and whether it has been stopped. */
function describe(pid: number): string {
  const status = textOf(`/proc/${pid}/status`);
  const name = /^Name:\s*(.*)$/m.exec(status)?.[1];
  if (name === undefined) return "";
  return /^State:\s*[Tt]/m.test(status) ? ` (${name}, which has been stopped)` : ` (${name})`;
}

// A process may end, or be another user's, while it is looked at.

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
