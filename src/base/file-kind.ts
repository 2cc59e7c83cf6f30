// What is at a path, in a word.

import type { Stats } from "node:fs";

/** Returns the kind of a file, after symbolic links were followed. */
export function kindOf(stats: Stats): "file" | "folder" | "pipe" | "socket" | "device" {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  if (stats.isFIFO()) return "pipe";
  return stats.isSocket() ? "socket" : "device";
}
