// Descriptors for reading files that SQLite may have open in this process. To close any descriptor of a file releases
// all locks that the process has on it (fcntl(2), "Advisory record locking"), so these stay open after use.

import { closeSync, openSync } from "node:fs";
import { fileIdentity } from "./file-identity.ts";

const kept = new Map<string, { readonly identity: string; readonly fd: number }>();

/**
 * Returns a descriptor of the file at a path, to read at given positions. It stays open until another file is at the
 * path, or the process ends. Throws the system's error.
 */
export function keptFile(path: string): number {
  const identity = fileIdentity(path);
  const before = kept.get(path);
  if (before?.identity === identity) return before.fd;
  if (before !== undefined) closeSync(before.fd);
  kept.delete(path);
  const fd = openSync(path, "r");
  kept.set(path, { identity, fd });
  return fd;
}
