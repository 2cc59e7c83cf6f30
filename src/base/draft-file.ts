// A file that is written beside the one whose place it takes. It is created by this process, never one that somebody else
// has put there: that one would keep its owner and mode, and could be changed after it was checked.

import { randomBytes } from "node:crypto";
import { openSync, rmSync } from "node:fs";

interface Draft {
  readonly path: string;
  /** Open for writing; the caller closes it, and renames, links or removes the path. */
  readonly file: number;
}

/** Creates `PATH.new`, mode 0600, or one of a random name if that one is somebody else's. Throws what the system says. */
export function createDraft(path: string): Draft {
  try {
    // What a process left here that was killed.
    rmSync(`${path}.new`, { force: true });
    return exclusively(`${path}.new`);
  } catch {
    return exclusively(`${path}.new-${randomBytes(8).toString("hex")}`);
  }
}

function exclusively(path: string): Draft {
  return { path, file: openSync(path, "wx", 0o600) };
}
