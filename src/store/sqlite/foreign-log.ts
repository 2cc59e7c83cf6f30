// A write-ahead log that lies beside a database which it does not belong to: left from another store, or older than the
// database that was put in its place. SQLite plays whatever log it finds into the file, and both are lost. What gives such
// a log away is looked at before the file is opened, as far as anything does: a store never becomes shorter, and the first
// page says whose it is.
//
//   offset 0, 32 bytes    head: page size at 8, salts at 16                       (sqlite.org/fileformat2.html, The WAL File Format)
//   then, for each frame  24 bytes: page at 0, pages of the database after a commit at 4 (else 0), salts at 8; then the page

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { Unusable } from "./refusal.ts";
import { applicationId } from "./schema.ts";

const headBytes = 32;
const frameHeadBytes = 24;
const applicationIdAt = 68;

/** Throws Unusable for a log that cannot be that of the database. Nobody has either file open. */
export function refuseForeignLog(path: string): void {
  const { pages, isOurs, pageBytes } = readLog(`${path}-wal`);
  if (pages === 0) return;
  const file = openSync(path, "r");
  const size = fstatSync(file).size;
  closeSync(file);
  if (isOurs && size <= pages * pageBytes) return;
  throw new Unusable(
    `${path}-wal is the write-ahead log of ${isOurs ? "an older or another store" : "another program's database"} than ` +
      `${path}; together they would destroy each other. Take away the one that does not belong there`,
  );
}

/** Of the log's last commit: the pages of the database, 0 without any; and whether page 1, if it is there, is a store's. */
function readLog(path: string): { readonly pages: number; readonly isOurs: boolean; readonly pageBytes: number } {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(headBytes);
    readSync(file, head, 0, headBytes, 0);
    const pageBytes = head.readUInt32BE(8);
    const frame = Buffer.alloc(frameHeadBytes);
    const id = Buffer.alloc(4);
    let pages = 0;
    let isOurs = true;
    if (pageBytes < 512) return { pages, isOurs, pageBytes };
    for (let at = headBytes; readSync(file, frame, 0, frameHeadBytes, at) === frameHeadBytes;) {
      // Frames of an earlier time follow the log's end.
      if (!frame.subarray(8, 16).equals(head.subarray(16, 24))) break;
      if (frame.readUInt32BE(0) === 1) {
        readSync(file, id, 0, id.length, at + frameHeadBytes + applicationIdAt);
        isOurs = id.readUInt32BE(0) === applicationId || id.readUInt32BE(0) === 0;
      }
      pages = frame.readUInt32BE(4) === 0 ? pages : frame.readUInt32BE(4);
      at += frameHeadBytes + pageBytes;
    }
    return { pages, isOurs, pageBytes };
  } finally {
    closeSync(file);
  }
}
