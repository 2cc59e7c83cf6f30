// Files that are closed at the end of a scope.

import { closeSync, openSync } from "node:fs";

/** Opens a file for `using`, which closes it. Throws the system's error. */
export function scopedFile(path: string, flags: string, mode?: number): Disposable & { readonly fd: number } {
  const fd = openSync(path, flags, mode);
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}
