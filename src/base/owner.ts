// Who owns what root makes for a server that runs as another user.

import { chownSync, statSync } from "node:fs";

/** Gives a file to the owner of another one, or of a folder, if this process is root's; else it has its owner already. */
export function giveToOwnerOf(like: string, path: string): void {
  if (process.geteuid?.() !== 0) return;
  const [wanted, now] = [statSync(like), statSync(path)];
  // The call itself may be forbidden, as systemd's units do, although it would change nothing.
  if (wanted.uid !== now.uid || wanted.gid !== now.gid) chownSync(path, wanted.uid, wanted.gid);
}
