// Whether what is at a path can be the server's file or folder. Nothing is opened: a pipe would let the check wait.

import { accessSync, constants, lstatSync, type Stats, statSync } from "node:fs";
import { kindOf } from "../../base/file-kind.ts";
import { codeOf, sentenceOf } from "../failure.ts";

/** What is at a path after symbolic links: undefined if nothing is; or why that is not known. */
export function lookAt(path: string): Stats | string | undefined {
  try {
    const link = lstatSync(path, { throwIfNoEntry: false });
    return link && statSync(path);
  } catch (error) {
    const code = codeOf(error);
    // A part of the path is a file.
    if (code === "ENOTDIR") return undefined;
    if (code === "ENOENT") return "it is a symbolic link to nothing; make what it names, or remove it";
    return `${whyNot(error)}; name another`;
  }
}

/** Returns what keeps the server from opening a file to read and write; undefined if nothing does, or none is there. */
export function faultOfFile(path: string): string | undefined {
  const found = lookAt(path);
  if (found === undefined || typeof found === "string") return found;
  if (!found.isFile()) return `it is a ${kindOf(found)}; move it away, or name another`;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return `${whyNot(error)}; chown it to the server's user`;
  }
}

/** Why the system refuses access. */
export function whyNot(error: unknown): string {
  switch (codeOf(error)) {
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    case "ELOOP":
      return "its links form a circle";
    case "ENAMETOOLONG":
      return "its name is too long";
    default:
      return sentenceOf(error);
  }
}
