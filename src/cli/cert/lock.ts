// One command at a time works in a folder of certificates: two that renewed the same certificate could leave the key of
// one with the certificate of the other. flock(2) of the folder itself needs no file, and ends with the process.

import { dlopen, read } from "bun:ffi";
import { closeSync, openSync } from "node:fs";
import { sentenceOf } from "../failure.ts";
import { StartError } from "../usage-error.ts";

/** Linux, `fcntl-linux.h`. */
const [lockExclusive, lockNonBlocking] = [2, 4];
/** EWOULDBLOCK of `asm-generic/errno-base.h`. */
const wouldBlock = 11;

/** Locks the folder until `work` is done. Throws (rejects) StartError if another process has locked it. */
export async function whileLocked(folder: string, work: () => Promise<void>): Promise<void> {
  let descriptor: number;
  try {
    descriptor = openSync(folder, "r");
  } catch (error) {
    throw new StartError(`cannot read the folder ${folder}: ${sentenceOf(error)}; choose another with --dir`);
  }
  try {
    if (isLockedByOther(descriptor))
      throw new StartError(`another roost cert works in ${folder}; run the command again when it has ended`);
    await work();
  } finally {
    closeSync(descriptor);
  }
}

/** Tries to lock an open folder. A file system or a C library without such locks has none of others. */
function isLockedByOther(descriptor: number): boolean {
  try {
    const { symbols: libc } = dlopen("libc.so.6", {
      flock: { args: ["i32", "i32"], returns: "i32" },
      __errno_location: { args: [], returns: "ptr" },
    });
    if (libc.flock(descriptor, lockExclusive | lockNonBlocking) === 0) return false;
    const at = libc["__errno_location"]();
    return at !== null && read.i32(at, 0) === wouldBlock;
  } catch {
    return false;
  }
}
