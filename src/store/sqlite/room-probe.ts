// Proves that a batch could be written: writes the size of a large one beside the database, syncs it and deletes it. A
// commit of a few bytes would prove nothing, because the write-ahead log has room for it already.

import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from "node:fs";

const probeBytes = 1024 * 1024;

/** Throws the system's error if there is no room. The file has no name while it is written, so none is left behind. */
export function proveRoom(databasePath: string, holder: string): void {
  const path = `${databasePath}-probe-${holder}`;
  const file = openSync(path, "wx", 0o600);
  try {
    unlinkSync(path);
    const bytes = new Uint8Array(probeBytes);
    for (let written = 0; written < probeBytes;) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
