// The type and content of a message file: read from its header, schema and rows, without store threads. For files that
// are copied, compared and replaced as a whole.

import { Database } from "bun:sqlite";
import { fstatSync, readSync, statSync } from "node:fs";
import { scopedFile } from "../../base/scoped-file.ts";
import type { StoreFacts } from "../store-facts.ts";
import { rollBackJournal } from "./backup/journal.ts";
import { Refusal } from "./refusal.ts";
import { applicationId, pragmaNumber, requireKnown, schemaVersion } from "./schema.ts";

const headerBytes = 100;
const magic = "SQLite format 3\0";

/** Refuses a file that is not a SQLite database. `name` is its name in error messages. */
export function refuseNoDatabase(path: string, name: string): void {
  readHeader(path, name);
}

/**
 * Also refuses a file that is shorter than its header says. Not for a store with a write-ahead log: after kill -9
 * during a checkpoint the end may be in the log only.
 */
export function refuseCutShort(path: string, name: string): void {
  const { header, size } = readHeader(path, name);
  // The page size 65536 is stored as 1. The page count is valid only if the version beside it is the file's.
  const pageBytes = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16);
  const isCounted = header.readUInt32BE(24) === header.readUInt32BE(92);
  const wanted = pageBytes * header.readUInt32BE(28);
  if (isCounted && size < wanted)
    throw new Refusal(`${name} is cut short: it has ${size} bytes of ${wanted}; take another copy`);
}

function readHeader(path: string, name: string): { header: Buffer; size: number } {
  const header = Buffer.alloc(headerBytes);
  using file = scopedFile(path, "r");
  const { size } = fstatSync(file.fd);
  if (size === 0) throw new Refusal(`${name} is empty; expected a file that roost backup made`);
  const read = readSync(file.fd, header, 0, headerBytes, 0);
  if (read < headerBytes || header.toString("latin1", 0, magic.length) !== magic)
    throw new Refusal(`${name} is not a store of roost; expected a file that roost backup made`);
  return { header, size };
}

/**
 * Returns the schema version of a message file by its header alone, beside a running server or without one; 0 if its
 * tables are not there yet. A write-ahead log may have newer pages. Throws Unusable for a file of another program or a
 * newer schema, Refusal for a file that is no database, and the system's errors.
 */
export function versionInHeader(path: string): number {
  if (statSync(path).size === 0) return 0;
  const { header } = readHeader(path, path);
  const hasLog = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const [pages, version, id] = [header.readUInt32BE(28), header.readUInt32BE(60), header.readUInt32BE(68)];
  requireKnown(path, id, version, () => pages > 1 && !hasLog);
  return version;
}

/** Refuses a database of another program or of a newer schema. */
export function refuseForeign(db: Database, name: string): void {
  const version = pragmaNumber(db, "user_version");
  if (pragmaNumber(db, "application_id") !== applicationId || version === 0)
    throw new Refusal(`${name} is a database of another program; expected a store of roost`);
  if (version > schemaVersion)
    throw new Refusal(
      `${name} has schema ${version}, and this program knows schemas up to ${schemaVersion}; ` +
        "use the newer program that wrote it",
    );
}

/** Reads the store's facts; inside a transaction of the caller, or without other writers. */
export function readFacts(db: Database, name: string): StoreFacts {
  const last = db.query<{ last_id: bigint }, []>("SELECT last_id FROM sequence").get();
  if (last === null) throw new Refusal(`${name} has lost its row of the last id; take another copy`);
  const count = (sql: string): number => Number(db.query<{ n: bigint }, []>(sql).get()?.n ?? 0n);
  const newest = db.query<{ id: bigint; sent_ns: bigint }, []>(
    "SELECT id, sent_ns FROM message ORDER BY id DESC LIMIT 1",
  );
  const message = newest.get();
  if (message !== null && message.id > last.last_id)
    throw new Refusal(`${name} is damaged: it holds a message above its last id; take another copy`);
  return {
    messages: count("SELECT count(*) AS n FROM message"),
    names: count('SELECT (SELECT count(*) FROM account) + (SELECT count(*) FROM "group") AS n'),
    lastId: `${last.last_id}`,
    newestMs: message === null ? undefined : Number(message.sent_ns / 1_000_000n),
  };
}

/** Opens an existing file for reading, after rolling back a leftover journal. Integers are bigints. */
export function openToRead(path: string): Database {
  rollBackJournal(path);
  const db = new Database(path, { readonly: true, safeIntegers: true, strict: true });
  db.run("PRAGMA busy_timeout = 5000");
  return db;
}

/**
 * Verifies a file that nobody writes: every page, every index against its table, and the required rows. Throws Refusal
 * with the first problem.
 */
export function verifyStore(path: string, name: string): StoreFacts {
  refuseCutShort(path, name);
  using db = openToRead(path);
  refuseForeign(db, name);
  const found = db.query<{ integrity_check: string }, []>("PRAGMA integrity_check(1)").get();
  if (found?.integrity_check !== "ok")
    throw new Refusal(`${name} is damaged: ${found?.integrity_check ?? "it cannot be read"}`);
  return readFacts(db, name);
}
