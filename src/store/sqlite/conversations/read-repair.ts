// Repairs a damaged file of read cursors: what can be read of it goes to a new file, and the damaged one is kept under
// another name. A cursor that is lost makes messages count as unread; no message depends on it.

import type { Database } from "bun:sqlite";
import { copyFileSync, existsSync, readSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { giveToOwnerOf } from "../../../base/owner.ts";
import { scopedFile } from "../../../base/scoped-file.ts";
import { fileHeadBytes, pageBytes } from "../salvage/btree-page.ts";
import { hasLog } from "../open-files.ts";
import { damagedStem, freshAside } from "../backup/restore.ts";
import { openConnection } from "../connection.ts";
import { isUnreadable } from "../damage.ts";
import { makeReads, markOf, readMarks, readsPathOf, removeReads, seenKey } from "./read-file.ts";

const cacheKib = 8 * 1024;
const pagesAt = 28;

/** What a repair did. */
export interface RepairedReads {
  /** How many cursors the new file has. */
  readonly saved: number;
  /** Whether every page of cursors was readable. */
  readonly isWhole: boolean;
  /** Where the damaged file is. */
  readonly aside: string;
}

/**
 * Replaces the file of the log at `logPath`; `log` is open. Processes that have the damaged file open notice the new
 * one (read-keeper.ts, read-marks.ts). A crash leaves the damaged file in place, or the new one.
 */
export function repairReads(logPath: string, log: Database): RepairedReads {
  const path = readsPathOf(logPath);
  const draft = `${path}.repairing`;
  const copy = `${draft}-copy`;
  for (const file of [draft, copy]) removeReads(file);
  const target = makeReads(draft, log);
  let isWhole = false;
  let saved = 0n;
  try {
    isWhole = !copyOfCutFile(path, copy) && copyReadable(path, log, target);
    if (existsSync(copy)) copyReadable(copy, log, target);
    saved = target.query<{ n: bigint }, []>("SELECT count(*) AS n FROM read_mark").get()?.n ?? 0n;
    target.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    target.close();
    removeReads(copy);
  }
  giveToOwnerOf(logPath, draft);
  const aside = freshAside(path + damagedStem);
  for (const end of ["", "-wal"]) if (existsSync(path + end)) renameSync(path + end, aside + end);
  rmSync(`${path}-shm`, { force: true });
  renameSync(draft, path);
  removeReads(draft);
  return { saved: Number(saved), isWhole, aside };
}

/**
 * Copies a file that is shorter than its header says, which SQLite does not read, with the number of its pages; returns
 * whether it is one. Offset 28 of the header has the number, 4 bytes (sqlite.org/fileformat2.html).
 */
function copyOfCutFile(path: string, copy: string): boolean {
  // The pages that the log has may be beyond the end.
  if (hasLog(path)) return false;
  const pages = Math.floor(statSync(path).size / pageBytes);
  const header = Buffer.alloc(fileHeadBytes);
  {
    using file = scopedFile(path, "r");
    readSync(file.fd, header);
  }
  if (pages === 0 || header.readUInt16BE(16) !== pageBytes || header.readUInt32BE(pagesAt) <= pages) return false;
  copyFileSync(path, copy);
  header.writeUInt32BE(pages, pagesAt);
  using file = scopedFile(copy, "r+");
  writeSync(file.fd, header, 0, header.length, 0);
  return true;
}

/** Copies valid cursors; returns whether all pages were readable. */
function copyReadable(path: string, log: Database, target: Database): boolean {
  const last = log.query<{ last_id: bigint }, []>("SELECT last_id FROM sequence").get()?.last_id ?? 0n;
  const account = log.prepare("SELECT 1 FROM account WHERE number = ?");
  const group = log.prepare(`SELECT 1 FROM "group" WHERE number = ?`);
  const exists = (number: bigint): boolean => (number > 0n ? account.get(number) : group.get(-number)) !== null;
  const isPlace = (other: bigint): boolean => other === seenKey || exists(other);
  const add = target.prepare<null, [bigint, bigint, bigint]>(
    `INSERT INTO read_mark VALUES (?, ?, ?)
     ON CONFLICT (account, other) DO UPDATE SET read_id = max(read_id, excluded.read_id)`,
  );
  const take = (own: bigint, other: bigint, readId: bigint): void => {
    if (own > 0n && readId > 0n && readId <= last && exists(own) && isPlace(other)) add.run(own, other, readId);
  };
  let source: Database | undefined;
  target.run("BEGIN");
  try {
    source = openConnection({ path, synchronous: "NORMAL", cacheKib });
    return !isOfAnotherLog(source, log) && readMarks(source, take);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return false;
  } finally {
    source?.close();
    target.run("COMMIT");
  }
}

/** Cursors whose log cannot be told are taken for this log's. */
function isOfAnotherLog(source: Database, log: Database): boolean {
  try {
    const row = source.query<{ mark: bigint }, []>("SELECT mark FROM belongs").get();
    return row !== null && row.mark !== markOf(log);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return false;
  }
}
