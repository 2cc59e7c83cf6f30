// The data folder: made when it is missing, held by one process at a time, and home of the secret.

import { Database } from "bun:sqlite";
import { chmodSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { codeOf, sentenceOf } from "./failure.ts";
import { StartError } from "./usage-error.ts";

/** Makes the folder (mode 0700) if need be; returns its absolute path. */
export function openDataFolder(folder: string): string {
  const path = resolve(folder);
  try {
    if (mkdirSync(path, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(path, 0o700);
  } catch (error) {
    throw new StartError(`cannot make the data folder ${path}: ${sentenceOf(error)}; choose another with --data`);
  }
  return path;
}

/**
 * Holds the folder for this process until it ends, however it ends: an exclusive lock on a small SQLite file, which the
 * kernel gives back after kill -9. Throws when another process holds it. Returns the function that lets it go.
 */
export function lockDataFolder(path: string): () => void {
  let lock: Database | undefined;
  try {
    lock = new Database(join(path, "lock"));
    lock.run("PRAGMA busy_timeout = 0");
    lock.run("PRAGMA locking_mode = EXCLUSIVE");
    lock.run("BEGIN EXCLUSIVE");
  } catch (error) {
    lock?.close();
    if (codeOf(error).startsWith("SQLITE_BUSY")) {
      throw new StartError(
        `another roost is running on the data folder ${path}; stop it or choose another folder with --data`,
      );
    }
    throw new StartError(`cannot write to the data folder ${path}: ${sentenceOf(error)}; choose another with --data`);
  }
  const held = lock;
  return () => held.close();
}
