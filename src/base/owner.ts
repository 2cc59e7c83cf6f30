// The owner of files that root creates for a server that runs as another user.

import { chownSync, statSync } from "node:fs";

/** If this process runs as root, gives a file to the owner of another file or folder. */
export function giveToOwnerOf(like: string, path: string): void {
  if (process.geteuid?.() !== 0) return;
  const [wanted, now] = [statSync(like), statSync(path)];
  // systemd units may forbid the call even if it would change nothing.
  if (wanted.uid !== now.uid || wanted.gid !== now.gid) chownSync(path, wanted.uid, wanted.gid);
}
