// A new file next to the one that it is going to replace. This process creates it: an existing file would keep its
// owner and mode, and could be changed by its owner after it was checked.

import { randomBytes } from "node:crypto";
import { openSync, rmSync } from "node:fs";

interface Draft {
  readonly path: string;
  /** Open for writing. The caller closes it, and renames, links or removes the path. */
  readonly file: number;
}

/** Creates `PATH.new`, mode 0600, or one with a random suffix if that is another user's. Throws the system's error. */
export function createDraft(path: string): Draft {
  try {
    // A killed process may have left one.
    rmSync(`${path}.new`, { force: true });
    return exclusively(`${path}.new`);
  } catch {
    return exclusively(`${path}.new-${randomBytes(8).toString("hex")}`);
  }
}

function exclusively(path: string): Draft {
  return { path, file: openSync(path, "wx", 0o600) };
}
