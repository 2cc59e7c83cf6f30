// A folder for what the tests of a file write.

import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a folder and removes it after the last test. Call it at the top of the file. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Gives a new path of a database in such a folder at each call. Call it at the top of the file. */
export function temporaryPaths(prefix: string): () => string {
  const folder = temporaryFolder(prefix);
  let count = 0;
  return () => join(folder, `${count++}.db`);
}
