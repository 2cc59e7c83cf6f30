// Proves that a batch could be written: writes the size of a large one beside the database, syncs it and deletes it. A
// commit of a few bytes would prove nothing, because the write-ahead log has room for it already.

import { fsyncSync, unlinkSync, writeSync } from "node:fs";
import { scopedFile } from "../../base/scoped-file.ts";

const probeBytes = 1024 * 1024;

/** Throws the system's error if there is no room. The file has no name while it is written, so none is left behind. */
export function proveRoom(databasePath: string, holder: string): void {
  const path = `${databasePath}-probe-${holder}`;
  using file = scopedFile(path, "wx", 0o600);
  unlinkSync(path);
  const bytes = new Uint8Array(probeBytes);
  for (let written = 0; written < probeBytes;) written += writeSync(file.fd, bytes, written);
  fsyncSync(file.fd);
}
