// Detects a write-ahead log that does not belong to the database beside it: left over from another store, or older than
// a database that replaced the original. SQLite applies any log that it finds, which destroys both. The checks run
// before the file is opened: a file is in the format with a log before its log has a frame, a store does not shrink
// without a vacuum, and the first page names its program. Not detected: the log of a store beside another one that had
// a log and is not longer.
//
// (sqlite.org/fileformat2.html, The Database Header and The WAL File Format)
//   database  offset 18, 2 bytes    versions to write and to read: 1 with a rollback journal, as VACUUM INTO makes
//                                   files, 2 with a write-ahead log
//   log       offset 0, 32 bytes    head: page size at 8, salts at 16
//   then, for each frame, 24 bytes: page at 0, pages of the database after a commit at 4 (else 0), salts at 8; the page

import { existsSync, readSync, statSync } from "node:fs";
import { keptFile } from "../../../base/kept-file.ts";
import { scopedFile } from "../../../base/scoped-file.ts";
import { Unusable } from "../refusal.ts";
import { applicationId } from "../schema.ts";
import { hasLog } from "../open-files.ts";

const headBytes = 32;
const frameHeadBytes = 24;
const applicationIdAt = 68;
const versionsAt = 18;
const versionWithJournal = 1;

interface LogContent {
  /** The pages of the database after the last commit; 0 without any. */
  readonly pages: number;
  readonly held: ReadonlySet<number>;
  /** False if page 1 belongs to another program. */
  readonly isOurs: boolean;
  readonly pageBytes: number;
}

/** Throws Unusable for a log that cannot be the database's. Others may have the database open and write to it. */
export function refuseForeignLog(path: string): void {
  if (!hasLog(path)) return;
  // Read before the log: meanwhile others may extend the file by what the log has.
  const { size } = statSync(path);
  const { pages, held, isOurs, pageBytes } = readLog(`${path}-wal`);
  if (pages === 0) return;
  const isShort = size <= pages * pageBytes;
  // A log that replaces every page is a vacuum's, unless the files were copied here without their shared memory.
  const isVacuum = (): boolean => existsSync(`${path}-shm`) && holdsFrom(1, pages, held);
  if (isOurs && !hasJournalFormat(path) && (isShort || isVacuum())) return;
  throw new Unusable(
    `${path}-wal is the write-ahead log of ${isOurs ? "an older or another store" : "another program's database"} ` +
      `than ${path}; together they would destroy each other. Remove the one that does not belong there`,
  );
}

/** Reports whether the log has each page of a database of `bytes` that a file of `fileBytes` lacks. */
export function isRestInLog(logPath: string, fileBytes: number, bytes: number): boolean {
  const { pages, held, pageBytes } = readLog(logPath);
  if (pages === 0) return false;
  return holdsFrom(Math.floor(fileBytes / pageBytes) + 1, bytes / pageBytes, held);
}

function holdsFrom(first: number, last: number, held: ReadonlySet<number>): boolean {
  for (let page = first; page <= last; page++) if (!held.has(page)) return false;
  return true;
}

/** SQLite switches the file to the format with a log before the first frame, and back after the log is removed. */
function hasJournalFormat(path: string): boolean {
  const versions = Buffer.alloc(2);
  const read = readSync(keptFile(path), versions, 0, versions.length, versionsAt);
  return read === versions.length && versions.every((version) => version === versionWithJournal);
}

function readLog(path: string): LogContent {
  using file = scopedFile(path, "r");
  const head = Buffer.alloc(headBytes);
  readSync(file.fd, head, 0, headBytes, 0);
  const pageBytes = head.readUInt32BE(8);
  const frame = Buffer.alloc(frameHeadBytes);
  const id = Buffer.alloc(4);
  let pages = 0;
  let isOurs = true;
  const held = new Set<number>();
  let uncommitted: number[] = [];
  if (pageBytes < 512) return { pages, held, isOurs, pageBytes };
  for (let at = headBytes; readSync(file.fd, frame, 0, frameHeadBytes, at) === frameHeadBytes;) {
    // Older frames follow the log's end.
    if (!frame.subarray(8, 16).equals(head.subarray(16, 24))) break;
    const page = frame.readUInt32BE(0);
    if (page === 1) {
      readSync(file.fd, id, 0, id.length, at + frameHeadBytes + applicationIdAt);
      isOurs = id.readUInt32BE(0) === applicationId || id.readUInt32BE(0) === 0;
    }
    uncommitted.push(page);
    const committed = frame.readUInt32BE(4);
    if (committed !== 0) {
      pages = committed;
      for (const number of uncommitted) held.add(number);
      uncommitted = [];
    }
    at += frameHeadBytes + pageBytes;
  }
  return { pages, held, isOurs, pageBytes };
}
