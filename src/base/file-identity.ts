// The identity of a file: a file that replaces another one has a different identity, whatever it holds.

import { statSync, type Stats } from "node:fs";

/** Includes the time of birth because the system reuses inode numbers. */
export function identityOf({ dev, ino, birthtimeMs }: Stats): string {
  return `${dev} ${ino} ${birthtimeMs}`;
}

/** Returns the identity of the file at a path, or '' if none exists. */
export function fileIdentity(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? "" : identityOf(status);
}
