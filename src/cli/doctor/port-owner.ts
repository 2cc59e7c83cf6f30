// Finds the processes that listen at a TCP port of this machine, as far as the system shows them: those of other users
// only to root.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The state TCP_LISTEN in /proc/net/tcp. */
const listening = "0A";

interface Owner {
  readonly pid: number;
  /** The name of its program. */
  readonly name: string;
}

/** Returns the processes that listen at a port, whatever the address. Looks at every open file of the machine. */
export function ownersOf(port: number): readonly Owner[] {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => socketsIn(linesOf(`/proc/net/${table}`), port)));
  if (sockets.size === 0) return [];
  const pids = namesIn("/proc").filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => namesIn(`/proc/${pid}/fd`).some((file) => sockets.has(targetOf(`/proc/${pid}/fd/${file}`))))
    .map((pid) => ({ pid: Number(pid), name: linesOf(`/proc/${pid}/comm`)[0] ?? "" }));
}

/** Returns `socket:[INODE]` of each socket that listens at the port. */
function socketsIn(table: readonly string[], port: number): string[] {
  const digits = port.toString(16).toUpperCase().padStart(4, "0");
  return table.flatMap((line) => {
    // `0: 0100007F:1F40 00000000:0000 0A …`: the local address, the remote one, the state; the tenth word is the inode.
    const words = line.trim().split(/\s+/);
    return words[1]?.endsWith(`:${digits}`) === true && words[3] === listening ? [`socket:[${words[9]}]`] : [];
  });
}

// A process may end meanwhile, or belong to another user.

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n");
  } catch {
    return [];
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
