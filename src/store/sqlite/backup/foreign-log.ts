// A write-ahead log that lies beside a database which it does not belong to: left from another store, or older than the
// database that was put in its place. SQLite plays whatever log it finds into the file, and both are lost. What gives such
// a log away is looked at before the file is opened, as far as anything does: a file has the format of a store with a log
// before its log gets the first frame, a store never becomes shorter while nobody vacuums it, and the first page says whose
// it is. Not noticed: the log of a store beside another one that had a log of its own and is not longer.
//
//   database  offset 18   2 bytes   versions to write and to read: 1 with a rollback journal, as VACUUM INTO makes files,
//                                   2 with a write-ahead log                (sqlite.org/fileformat2.html, The Database Header)
//   log       offset 0, 32 bytes    head: page size at 8, salts at 16       (the same, The WAL File Format)
//   then, for each frame  24 bytes: page at 0, pages of the database after a commit at 4 (else 0), salts at 8; then the page

import { closeSync, existsSync, openSync, readSync, statSync } from "node:fs";
import { fileIdentity } from "../../../base/file-identity.ts";
import { Unusable } from "../refusal.ts";
import { applicationId } from "../schema.ts";
import { hasLog } from "../shared-files.ts";

const headBytes = 32;
const frameHeadBytes = 24;
const applicationIdAt = 68;
const versionsAt = 18;
const versionWithJournal = 1;

/** What a log says up to its last commit. */
interface LogContent {
  /** The pages of the database after the last commit; 0 without any. */
  readonly pages: number;
  /** The numbers of the pages that it holds. */
  readonly held: ReadonlySet<number>;
  /** Page 1, if it is there, is a store's. */
  readonly isOurs: boolean;
  readonly pageBytes: number;
}

/**
 * Throws Unusable for a log that cannot be that of the database. Others may have the database open and write to it.
 */
export function refuseForeignLog(path: string): void {
  if (!hasLog(path)) return;
  // First: a file that others write to grows to what its log says by then.
  const { size } = statSync(path);
  const { pages, held, isOurs, pageBytes } = readLog(`${path}-wal`);
  if (pages === 0) return;
  const isShort = size <= pages * pageBytes;
  // A log that replaces every page is a vacuum's, unless the files were copied here without their shared memory.
  const isVacuum = (): boolean => existsSync(`${path}-shm`) && holdsFrom(1, pages, held);
  if (isOurs && !hasJournalFormat(path) && (isShort || isVacuum())) return;
  throw new Unusable(
    `${path}-wal is the write-ahead log of ${isOurs ? "an older or another store" : "another program's database"} than ` +
      `${path}; together they would destroy each other. Take away the one that does not belong there`,
  );
}

/** Reports whether the log holds each page that a file of `fileBytes` lacks of a database of `bytes`; nobody writes meanwhile. */
export function isRestInLog(logPath: string, fileBytes: number, bytes: number): boolean {
  const { pages, held, pageBytes } = readLog(logPath);
  if (pages === 0) return false;
  return holdsFrom(Math.floor(fileBytes / pageBytes) + 1, bytes / pageBytes, held);
}

function holdsFrom(first: number, last: number, held: ReadonlySet<number>): boolean {
  for (let page = first; page <= last; page++) if (!held.has(page)) return false;
  return true;
}

/** The databases whose header was read, by path. Closing one would end the locks that this process holds on it. */
const opened = new Map<string, { readonly identity: string; readonly file: number }>();

/** SQLite switches the file to the format with a log before it writes the first frame, and back after the log is gone. */
function hasJournalFormat(path: string): boolean {
  const versions = Buffer.alloc(2);
  const read = readSync(openKept(path), versions, 0, versions.length, versionsAt);
  return read === versions.length && versions.every((version) => version === versionWithJournal);
}

/** Returns a descriptor that stays open until another file is found at the path, or the process ends. */
function openKept(path: string): number {
  const identity = fileIdentity(path);
  const kept = opened.get(path);
  if (kept?.identity === identity) return kept.file;
  if (kept !== undefined) closeSync(kept.file);
  const file = openSync(path, "r");
  opened.set(path, { identity, file });
  return file;
}

function readLog(path: string): LogContent {
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(headBytes);
    readSync(file, head, 0, headBytes, 0);
    const pageBytes = head.readUInt32BE(8);
    const frame = Buffer.alloc(frameHeadBytes);
    const id = Buffer.alloc(4);
    let pages = 0;
    let isOurs = true;
    const held = new Set<number>();
    let uncommitted: number[] = [];
    if (pageBytes < 512) return { pages, held, isOurs, pageBytes };
    for (let at = headBytes; readSync(file, frame, 0, frameHeadBytes, at) === frameHeadBytes;) {
      // Frames of an earlier time follow the log's end.
      if (!frame.subarray(8, 16).equals(head.subarray(16, 24))) break;
      const page = frame.readUInt32BE(0);
      if (page === 1) {
        readSync(file, id, 0, id.length, at + frameHeadBytes + applicationIdAt);
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
  } finally {
    closeSync(file);
  }
}
