// Whether the server can keep its files where its options say.

import { accessSync, constants, existsSync, realpathSync, statfsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { lockHolder } from "../../base/lock-holder.ts";
import { warnOfChangers } from "../data-folder.ts";
import { storeUrlOf } from "../store-place.ts";
import { faultOfFile, lookAt, whyNot } from "./files.ts";
import { type Finding, Notes, ok, problem, type Subject, warning } from "./finding.ts";
import { fileOf } from "./options.ts";
import { faultOfLock, lockedBy, runningServer } from "./running-server.ts";

const mib = 1024 * 1024;
/** Below this the next batches may not fit. */
const freeBytesMin = 32 * mib;
/** Below this an operator should make room soon. */
const freeBytesWanted = 1024 * mib;

/** By the numbers of statfs(2). SQLite's shared memory and locks do not work across machines (sqlite.org/wal.html). */
const networkSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x5346414f, "AFS"],
]);
/** Those that may or may not lock as SQLite needs it. */
const unsureSystems: ReadonlyMap<number, string> = new Map([
  [0x65735546, "FUSE"],
  [0x01021997, "9P"],
]);

/** A folder that the server writes to. */
interface Used {
  readonly folder: string;
  readonly source: string;
  readonly isForDatabase: boolean;
}

function usedBy({ values, role }: Subject): readonly Used[] {
  const used: Used[] = [];
  const add = (name: "data" | "store" | "sessions" | "snapshot", folder: string): void => {
    if (used.every((known) => known.folder !== folder))
      used.push({ folder, source: values.sourceOf(name), isForDatabase: name !== "snapshot" });
  };
  if (role === "standalone") add("data", resolve(values.required("data")));
  for (const name of ["store", "sessions"] as const) {
    const file = fileOf(values.optional(name) ?? "");
    if (file !== undefined) add(name, dirname(resolve(file)));
  }
  const snapshot = role === "discovery" ? values.required("snapshot") : "off";
  if (snapshot !== "off") add("snapshot", dirname(resolve(snapshot)));
  return used;
}

/** Looks at each folder of the options: existing, writable, trusted, local, with room. */
export function checkFolders(subject: Subject): readonly Finding[] {
  return usedBy(subject).flatMap((used) => {
    const { folder, source } = used;
    const there = nearest(folder);
    const what = `${source}: ${folder}`;
    const found = lookAt(there);
    if (typeof found === "string") return [problem(`${what}: ${found}`)];
    if (found?.isDirectory() !== true) return [problem(`${what}: ${there} is not a folder; name another`)];
    try {
      accessSync(there, constants.W_OK | constants.X_OK);
    } catch (error) {
      const made = there === folder ? "" : " to make it";
      return [problem(`${what}: cannot write to ${there}${made}: ${whyNot(error)}; chown it, or name another`)];
    }
    const notes = new Notes();
    if (there === folder) warnOfChangers(folder, notes);
    const remarks = [...notes.findings, ...roomOf(used, there)];
    return remarks.length > 0 ? remarks : [ok(there === folder ? what : `${what}, which the start makes`)];
  });
}

/** The folder itself, or the next one above it that exists. */
function nearest(folder: string): string {
  return lookAt(folder) !== undefined || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

function roomOf({ folder, source, isForDatabase }: Used, there: string): readonly Finding[] {
  const { type, bavail, bsize, files, ffree } = statfsSync(there);
  const what = `${source}: ${folder}`;
  const found: Finding[] = [];
  const [network, unsure] = [networkSystems.get(type), unsureSystems.get(type)];
  if (isForDatabase && network !== undefined)
    found.push(problem(`${what} is on ${network}, where SQLite can lose data; name a folder on a local disk`));
  if (isForDatabase && unsure !== undefined)
    found.push(warning(`${what} is on ${unsure}, which may not lock as SQLite needs it; prefer a local disk`));
  const freeBytes = bavail * bsize;
  const free = `${what} has ${Math.floor(freeBytes / mib)} MiB of free space`;
  if (freeBytes < freeBytesMin) found.push(problem(`${free}: messages are refused when it is full; make room`));
  else if (freeBytes < freeBytesWanted) found.push(warning(`${free}; make room`));
  if (files > 0 && ffree === 0) found.push(problem(`${what}: its file system has no free inodes; delete files`));
  return found;
}

/** Tells whether a server runs here, and whether another process keeps this one from starting. */
export async function checkLocks(subject: Subject): Promise<readonly Finding[]> {
  const { values, role } = subject;
  const file = fileOf(role === "standalone" ? storeUrlOf(values) : (values.optional("store") ?? ""));
  const path = file === undefined ? undefined : `${realPathOf(resolve(file))}-lock`;
  const locks = [
    ...(role === "standalone" ? [{ name: "data" as const, lock: join(resolve(values.required("data")), "lock") }] : []),
    ...(path === undefined ? [] : [{ name: "store" as const, lock: path }]),
  ];
  const faults = locks.flatMap(({ name, lock }) => {
    const fault = faultOfFile(lock) ?? faultOfLock(lock);
    return fault === undefined ? [] : [problem(`${values.sourceOf(name)}: cannot open ${lock}: ${fault}`)];
  });
  if (faults.length > 0) return faults;
  const server = await runningServer(subject);
  if (role !== "standalone") {
    const alone = path === undefined ? undefined : lockedBy(path);
    if (alone === undefined)
      return [ok(server === undefined ? "no other process stands in the way" : runs(server.pid))];
    return [problem(`a standalone roost${shown(alone.pid)} uses the message file ${file}; stop it, or name another`)];
  }
  const holder = path === undefined ? undefined : lockHolder(path, "any");
  if (holder !== undefined && holder !== server?.pid)
    return [problem(`another roost${shown(holder)} uses the message file ${file}; stop it, or name another`)];
  return [ok(server === undefined ? "no server runs with this data folder" : runs(server.pid))];
}

const shown = (pid: number | undefined): string => (pid === undefined ? "" : ` (process ${pid})`);
const runs = (pid: number | undefined): string => `the server runs${shown(pid)}`;

function realPathOf(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}
