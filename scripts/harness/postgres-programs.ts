// PostgreSQL's programs, the user that runs them, and where the data of servers go that tests and benchmarks start.

import { existsSync, readFileSync, statfsSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { Glob } from "bun";

/** The newest of Debian's, else that of the one on the PATH. */
function findPrograms(): string | undefined {
  const debian = [
    ...new Glob("*/bin/postgres").scanSync({ cwd: "/usr/lib/postgresql", throwErrorOnBrokenSymlink: false }),
  ]
    .map((path) => join("/usr/lib/postgresql", path))
    .toSorted(
      (a, b) =>
        parseInt(b.slice("/usr/lib/postgresql/".length), 10) - parseInt(a.slice("/usr/lib/postgresql/".length), 10),
    );
  const postgres = debian[0] ?? Bun.which("postgres");
  if (postgres === null || !existsSync(join(dirname(postgres), "initdb"))) return undefined;
  return dirname(postgres);
}

/** The folder of the server's programs; undefined: PostgreSQL is not installed. */
export const programFolder: string | undefined =
  existsSync("/usr/lib/postgresql") || Bun.which("postgres") !== null ? findPrograms() : undefined;

/** Root needs setpriv to become another user. */
export const canChangeUser: boolean = userInfo().uid !== 0 || Bun.which("setpriv") !== null;

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root: the user that it gets then. */
export function serverUser(): User | undefined {
  if (userInfo().uid !== 0) return undefined;
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  const line = lines.find((text) => text.startsWith("postgres:")) ?? lines.find((text) => text.startsWith("nobody:"));
  const [, , uid = "", gid = ""] = (line ?? "").split(":");
  return { uid: Number(uid), gid: Number(gid) };
}

/** Words before a command that is to run as this user; undefined: as the one who asks. */
export function asUser(user: User | undefined): string[] {
  return user === undefined ? [] : ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
}

const memory = "/dev/shm";
/** More than the servers of all test processes write. */
const memoryBytesMin = 4 * 2 ** 30;

/** Where data go: into memory if they need not last and there is room, for each database is some 300 files. */
export function dataFolder(isDurable: boolean): string {
  if (isDurable || !existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize < memoryBytesMin ? tmpdir() : memory;
}
