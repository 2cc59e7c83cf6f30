// Which other users can change a trusted file.

import type { Stats } from "node:fs";

const groupWrites = 0o020;
const othersWrite = 0o002;
const rootUid = 0;

/** Users other than this one and root, for a sentence such as "its group can change it". */
export type Changer = "everybody" | "its group" | `user ${number}`;

/** Returns who else can change the file or folder, or undefined if nobody can. */
export function changerOf(stats: Stats, ownUid: number | undefined = process.getuid?.()): Changer | undefined {
  if ((stats.mode & othersWrite) !== 0) return "everybody";
  if ((stats.mode & groupWrites) !== 0) return "its group";
  if (ownUid !== undefined && stats.uid !== ownUid && stats.uid !== rootUid) return `user ${stats.uid}`;
  return undefined;
}
