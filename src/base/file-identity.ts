// Which file it is that lies at a path: another one that is put in its place has another identity, whatever it holds.

import { statSync } from "node:fs";

/** '' where there is no file. A number of an inode may come again, a time of birth with it does not. */
export function fileIdentity(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? "" : `${status.dev} ${status.ino} ${status.birthtimeMs}`;
}
