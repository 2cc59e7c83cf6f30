// The file of the sessions, opened and made. Sessions end with the machine's boot, so commits are not synced to the disk;
// a file of an earlier boot, which a power cut may have torn, or one that is damaged is made anew. Those who have the old
// one open find another file at its path (`isSame`) and open that.

import { Database, SQLiteError } from "bun:sqlite";
import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync, statSync } from "node:fs";
import { fileIdentity } from "../../base/file-identity.ts";
import { openLockFile } from "../../base/lock-file.ts";
import { OpenFiles } from "../../base/open-files.ts";
import { newIncarnation, systemRandom } from "../../base/random.ts";
import { SessionsUnavailable } from "../sessions.ts";

/** "RSes": marks the file as ours (PRAGMA application_id). */
const applicationId = 0x52536573;
const schemaVersion = 1;
/** A commit that brings the log to so many pages also moves them into the file: under 1 ms. */
const checkpointPages = 200;
const openWaitMsMax = 2_000;

// A lease that has ended stays until its sessions are removed. A change of kind leaseEnded has the lease as its account.
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

/**
 * Returns the name of the machine's present boot, or '' if the system hides it, as systemd's ProcSubset=pid does; commits
 * are synced then.
 */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** The header of an SQLite file: its first bytes, and where `application_id` stands. */
const headBytes = 100;
const magic = "SQLite format 3\0";
const applicationIdAt = 68;

/** The file is something else than a session store. */
class NotSessions extends Error {
  override readonly name = "NotSessions";
}

/** Errors that say that the file itself is no good. */
export function isDamage(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? "");
}

/** Reports whether opening failed for a reason that may pass by itself: a disk that is full, or read-only for a moment. */
export function mayPass(error: unknown, path: string): boolean {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return false;
  // A file that is there could be opened before; where there is none the path may be wrong.
  if (error.code.startsWith("SQLITE_CANTOPEN")) return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  return /^(SQLITE_(FULL|READONLY|IOERR)|ENOSPC$|EDQUOT$|EROFS$)/.test(error.code);
}

/** Two connections to the file: what one writes, the other notices as another process would. */
export class SessionFile {
  readonly path: string;
  readonly writing: Database;
  readonly reading: Database;
  /** Which file it is, whatever is at the path later. */
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
   * Opens the file; makes it where there is none, none of any use, or still that of the identity `damaged`. `claim` is
   * called with the connection that writes before anybody else can make the file anew. Throws what it throws, and what
   * SQLite or the system says.
   */
  static open(path: string, damaged: string | undefined, claim: (db: Database) => void): SessionFile {
    // One process at a time looks and makes: the lock is the system's and ends with the process.
    const lock = openLockFile(`${path}-lock`);
    try {
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
    } finally {
      lock.close();
    }
  }

  /** False once another file is at the path, or this one was cut, or lost what SQLite keeps beside it. */
  isSame(): boolean {
    return this.files.displacement() === undefined;
  }

  close(): void {
    this.reading.close();
    this.writing.close();
  }
}

/** Opens a file that may be anybody's: nothing is written to it. */
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
 * Beside the schema, which processes of earlier releases write, too, and know nothing of this: they take a session away, and
 * the trigger takes its features. What they replace leaves a row that no session's channel names.
 */
const addedTables = `
  CREATE TABLE IF NOT EXISTS session_features (channel TEXT PRIMARY KEY, features TEXT NOT NULL) WITHOUT ROWID;
  CREATE TRIGGER IF NOT EXISTS session_features_end AFTER DELETE ON session BEGIN
    DELETE FROM session_features WHERE channel = OLD.channel;
  END;
`;

/** Leaves a file of this boot and schema at the path. */
function prepare(path: string, damaged: string | undefined): void {
  // SQLite gives its -wal and -shm files the mode of the database. To close one that is open would end its locks.
  if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
  try {
    const db = openAsItIs(path);
    try {
      if (fileIdentity(path) !== damaged && isCurrent(db)) return;
    } finally {
      db.close();
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    if (fileIdentity(path) !== damaged && !mayBeOurs(path)) throw new NotSessions("it is not a session store");
  }
  // The database first: beside an empty new one, SQLite drops a log that it finds.
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
  closeSync(openSync(path, "a", 0o600));
  const db = connect(path);
  try {
    db.transaction(() => {
      db.run(schema);
      db.run("INSERT INTO state VALUES (1, ?, ?, 0, 0, 0)", [newIncarnation(systemRandom), bootId()]);
      db.run(`PRAGMA application_id = ${applicationId}`);
      db.run(`PRAGMA user_version = ${schemaVersion}`);
    })();
  } finally {
    db.close();
  }
}

/**
 * Reports whether a file that cannot be read may have been a session store: one that begins as a database of ours, or of
 * nobody's yet, or with the zeros that a power cut leaves. Anything else, such as a secret, was named by mistake.
 */
function mayBeOurs(path: string): boolean {
  const head = Buffer.alloc(headBytes);
  const file = openSync(path, "r");
  try {
    readSync(file, head, 0, headBytes, 0);
  } finally {
    closeSync(file);
  }
  if (head.every((byte) => byte === 0)) return true;
  return (
    head.toString("latin1", 0, magic.length) === magic &&
    [0, applicationId].includes(head.readUInt32BE(applicationIdAt))
  );
}

/** False: empty, of another boot or another schema. Throws NotSessions for another database. */
function isCurrent(db: Database): boolean {
  const number = (name: "user_version" | "application_id"): number =>
    db.query<{ value: number }, []>(`SELECT ${name} AS value FROM pragma_${name}`).get()?.value ?? 0;
  if (number("application_id") !== applicationId) {
    if (db.query("SELECT 1 FROM sqlite_master LIMIT 1").get() === null) return false;
    throw new NotSessions("it is a database of another program, or a message store");
  }
  if (number("user_version") !== schemaVersion) return false;
  const [madeIn, now] = [db.query<{ boot: string }, []>("SELECT boot FROM state").get()?.boot, bootId()];
  // Who does not know its boot takes the file as it is: those who do would make it anew at each other's opening.
  return madeIn === now || madeIn === "" || (madeIn !== undefined && now === "");
}

/** Returns what an operator reads of a file that cannot be opened for good. */
export function cannotOpen(path: string, error: unknown): SessionsUnavailable {
  const reason = error instanceof Error ? error.message : String(error);
  const remedy =
    error instanceof NotSessions
      ? "Give --sessions another path."
      : "Check that its folder exists and is writable, or give --sessions another path.";
  return new SessionsUnavailable(`The session store ${path} cannot be opened: ${reason}. ${remedy}`, { cause: error });
}
