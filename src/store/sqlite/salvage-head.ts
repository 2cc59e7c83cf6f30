// A copy of a damaged file whose head can be read: the head says how long the file is and on which pages the tables begin, and
// without it SQLite reads nothing. The damaged file itself is left as it is.
//
//   offset 18   2 bytes   2 if a write-ahead log is used, else 1        (sqlite.org/fileformat2.html, The Database Header)
//   offset 24   4 bytes   counter of changes; offset 92 holds it again if the number of pages is right
//   offset 28   4 bytes   number of pages
//   offset 32   8 bytes   list of free pages, 0: none

import { closeSync, copyFileSync, existsSync, openSync, readSync, statSync, writeSync } from "node:fs";

const pageBytes = 4096;
const magic = "SQLite format 3\0";

/**
 * Copies `path` to `copy`, with a head that fits. `sample` is a new store: a head that is lost is taken from there, which
 * fits if the tables of the damaged store were made in the order of today.
 */
export function copyWithHead(path: string, sample: string, copy: string): void {
  copyFileSync(path, copy);
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
  const file = openSync(copy, "r+");
  try {
    const head = Buffer.alloc(pageBytes);
    readSync(file, head, 0, pageBytes, 0);
    if (!isHead(head)) readHead(sample, head);
    head.fill(existsSync(`${copy}-wal`) ? 2 : 1, 18, 20);
    head.copy(head, 92, 24, 28);
    head.writeUInt32BE(Math.floor(statSync(copy).size / pageBytes), 28);
    head.fill(0, 32, 40);
    writeSync(file, head, 0, pageBytes, 0);
  } finally {
    closeSync(file);
  }
}

/** Reports whether a page is the first one of a database with tables. */
function isHead(page: Buffer): boolean {
  const isOfSize = page.readUInt16BE(16) === pageBytes;
  const isTable = page[100] === 0x0d || page[100] === 0x05;
  return page.toString("latin1", 0, magic.length) === magic && isOfSize && isTable;
}

function readHead(path: string, page: Buffer): void {
  const file = openSync(path, "r");
  try {
    readSync(file, page, 0, pageBytes, 0);
  } finally {
    closeSync(file);
  }
}
