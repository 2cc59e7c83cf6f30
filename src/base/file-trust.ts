// Who, beside this user and root, can change a file that is believed.

import type { Stats } from "node:fs";

const groupWrites = 0o020;
const othersWrite = 0o002;
const rootUid = 0;

/** Others who can change a file or a folder, for a sentence such as "its group can change it". */
export type Changer = "everybody" | "its group" | `user ${number}`;

/** Who can change it beside this user and root; undefined if nobody can. */
export function changerOf(stats: Stats, ownUid: number | undefined = process.getuid?.()): Changer | undefined {
  if ((stats.mode & othersWrite) !== 0) return "everybody";
  if ((stats.mode & groupWrites) !== 0) return "its group";
  if (ownUid !== undefined && stats.uid !== ownUid && stats.uid !== rootUid) return `user ${stats.uid}`;
  return undefined;
}
