// Opens and creates the file of sessions. Sessions end with the machine's boot, so commits are not synced; a file of an
// earlier boot, which a power failure may have torn, and a damaged file are replaced. Processes that have the old file
// open find another one at its path (`isSame`) and open that.

import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { fileIdentity } from "../../base/file-identity.ts";
import { openLockFile } from "../../base/lock-file.ts";
import { OpenFiles } from "../../base/open-files.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { scopedFile } from "../../base/scoped-file.ts";
import { newIncarnation, systemRandom } from "../../base/random.ts";
import { SessionsUnavailable } from "../sessions.ts";

/** "RSes": marks the file as a session store (PRAGMA application_id). */
const applicationId = 0x52536573;
/** Never changes: a process of the former release would replace a file of another version (see addedTables). */
const schemaVersion = 1;
/** A commit that brings the log to this many pages also checkpoints it: under 1 ms. */
const checkpointPages = 200;
const openWaitMsMax = 2_000;

// An ended lease remains until its sessions are removed. A change of kind leaseEnded has the lease as its account.
const schema = `
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch TEXT NOT NULL,
    boot TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL,
    ticked_ms INTEGER NOT NULL
  );

  CREATE TABLE lease (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    gateway TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    renewed INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0
  );
  CREATE UNIQUE INDEX lease_now ON lease (gateway, incarnation) WHERE ended = 0;
  CREATE INDEX lease_ended ON lease (number) WHERE ended = 1;

  CREATE TABLE session (
    app TEXT NOT NULL,
    account TEXT NOT NULL,
    device TEXT NOT NULL,
    channel TEXT NOT NULL,
    lease INTEGER NOT NULL,
    PRIMARY KEY (app, account, device)
  ) WITHOUT ROWID;
  CREATE INDEX session_lease ON session (lease);

  CREATE TABLE change (
    sequence INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    app TEXT NOT NULL,
    account TEXT NOT NULL
  );
`;

/** Returns the boot's id, or '' if the system hides it (systemd's ProcSubset=pid); commits are synced then. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** The header of an SQLite file: its first bytes, and the offset of `application_id`. */
const headBytes = 100;
const magic = "SQLite format 3\0";
const applicationIdAt = 68;

class NotSessions extends Error {
  override readonly name = "NotSessions";
}

/** Reports whether an error means that the file is damaged. */
export function isDamage(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? "");
}

/** Reports whether opening failed for a reason that may pass: a full disk, or one that is read-only for a moment. */
export function mayPass(error: unknown, path: string): boolean {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return false;
  // An existing file could be opened before; for a missing one the path may be wrong.
  if (error.code.startsWith("SQLITE_CANTOPEN")) return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return /^(SQLITE_(FULL|READONLY|IOERR)|ENOSPC$|EDQUOT$|EROFS$)/.test(error.code);
}

/** Two connections to the file: each notices the other's writes like those of another process. */
export class SessionFile {
  readonly path: string;
  readonly writing: Database;
  readonly reading: Database;
  readonly identity: string;
  private readonly files: OpenFiles;

  private constructor(path: string) {
    this.path = path;
    this.writing = connect(path);
    try {
      if (!isCurrent(this.writing)) throw new Error(`${path} changed while it was opened`);
      this.reading = connect(path);
      this.identity = fileIdentity(path);
      this.files = new OpenFiles(path);
    } catch (error) {
      this.writing.close();
      throw error;
    }
    this.reading.run("PRAGMA query_only = 1");
  }

  /**
   * Opens the file; creates it if it is missing, unusable, or still the one with the identity `damaged`. Calls `claim`
   * with the writing connection before another process can replace the file. Throws its errors, and those of SQLite and
   * the system.
   */
  static open(path: string, damaged: string | undefined, claim: (db: Database) => void): SessionFile {
    // One process at a time checks and creates the file: the system's lock ends with the process.
    using lock = openLockFile(`${path}-lock`);
    lock.run(`PRAGMA busy_timeout = ${openWaitMsMax}`);
    lock.run("BEGIN EXCLUSIVE");
    prepare(path, damaged);
    const file = new SessionFile(path);
    try {
      file.writing.run(addedTables);
      claim(file.writing);
    } catch (error) {
      file.close();
      throw error;
    }
    file.writing.run("PRAGMA busy_timeout = 0");
    return file;
  }

  /** Returns false once another file is at the path, or this one was truncated, or lost the files beside it. */
  isSame(): boolean {
    return this.files.displacement() === undefined;
  }

  close(): void {
    this.reading.close();
    this.writing.close();
  }
}

/** Opens a file without writing to it, because it may not be a session store. */
function openAsItIs(path: string): Database {
  const db = new Database(path, { readwrite: true, create: false, strict: true });
  db.run(`PRAGMA busy_timeout = ${openWaitMsMax}`);
  return db;
}

function connect(path: string): Database {
  const db = openAsItIs(path);
  try {
    db.run("PRAGMA journal_mode = WAL");
    db.run(`PRAGMA synchronous = ${bootId() === "" ? "NORMAL" : "OFF"}`);
    db.run(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Separate from the schema, because processes of earlier releases write it, too: when they remove a session, the
 * trigger removes its features. When they replace one, a row remains that no session's channel names.
 */
const addedTables = `
  CREATE TABLE IF NOT EXISTS session_features (channel TEXT PRIMARY KEY, features TEXT NOT NULL) WITHOUT ROWID;
  CREATE TRIGGER IF NOT EXISTS session_features_end AFTER DELETE ON session BEGIN
    DELETE FROM session_features WHERE channel = OLD.channel;
  END;
`;

/** Ensures that a file of this boot and schema is at the path. */
function prepare(path: string, damaged: string | undefined): void {
  // SQLite gives its -wal and -shm files the database's mode. Closing an open file would release its locks.
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
  try {
    using db = openAsItIs(path);
    if (fileIdentity(path) !== damaged && isCurrent(db)) return;
  } catch (error) {
    if (!isDamage(error)) throw error;
    if (fileIdentity(path) !== damaged && !mayBeOurs(path)) throw new NotSessions("it is not a session store");
  }
  // The database first: SQLite drops a log beside an empty new one.
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
  closeSync(openSync(path, "a", 0o600));
  using db = connect(path);
  db.transaction(() => {
    db.run(schema);
    db.run("INSERT INTO state VALUES (1, ?, ?, 0, 0, 0)", [newIncarnation(systemRandom), bootId()]);
    db.run(`PRAGMA application_id = ${applicationId}`);
    db.run(`PRAGMA user_version = ${schemaVersion}`);
  })();
}

/**
 * Reports whether an unreadable file may have been a session store: it begins like one, like a new database, or with
 * the zeros of a power failure. Anything else, such as a secret, was named by mistake.
 */
function mayBeOurs(path: string): boolean {
  const head = Buffer.alloc(headBytes);
  using file = scopedFile(path, "r");
  readSync(file.fd, head, 0, headBytes, 0);
  if (head.every((byte) => byte === 0)) return true;
  return (
    head.toString("latin1", 0, magic.length) === magic &&
    [0, applicationId].includes(head.readUInt32BE(applicationIdAt))
  );
}

/** Returns false if the file is empty, or of another boot or schema. Throws NotSessions for another database. */
function isCurrent(db: Database): boolean {
  const number = (name: "user_version" | "application_id"): number =>
    db.query<{ value: number }, []>(`SELECT ${name} AS value FROM pragma_${name}`).get()?.value ?? 0;
  if (number("application_id") !== applicationId) {
    if (db.query("SELECT 1 FROM sqlite_master LIMIT 1").get() === null) return false;
    throw new NotSessions("it is a database of another program, or a message store");
  }
  if (number("user_version") !== schemaVersion) return false;
  const [madeIn, now] = [db.query<{ boot: string }, []>("SELECT boot FROM state").get()?.boot, bootId()];
  // Without a boot id, a process takes the file as it is; otherwise each process would replace the other's file.
  return madeIn === now || madeIn === "" || (madeIn !== undefined && now === "");
}

/** Returns what an operator reads of a file that cannot be opened for good. */
export function cannotOpen(path: string, error: unknown): SessionsUnavailable {
  const remedy =
    error instanceof NotSessions
      ? "Give --sessions another path."
      : "Check that its folder exists and is writable, or give --sessions another path.";
  const sentence = `The session store ${path} cannot be opened: ${reasonOf(error)}. ${remedy}`;
  return new SessionsUnavailable(sentence, { cause: error });
}
