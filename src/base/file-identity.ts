// Which file lies at a path: a file that replaces it has another identity, whatever it holds.

import { statSync, type Stats } from "node:fs";

/** The identity of a file: an inode number may be used again, but not with the same time of birth. */
export function identityOf({ dev, ino, birthtimeMs }: Stats): string {
  return `${dev} ${ino} ${birthtimeMs}`;
}

/** The identity of the file at a path; '' if no file exists there. */
export function fileIdentity(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? "" : identityOf(status);
}
