// The tables, as numbered migrations: PRAGMA user_version is the number of migrations that have run. A released
// migration never changes; later ones are appended.
//
// Accounts and groups are integers inside the file. `message.inbox` is the receiver's account number, or minus the
// group's number. A member's window is the open interval (from_id, until_id); until_id is NULL while it lasts.

import { Database } from "bun:sqlite";
import { backEndTables } from "./back-end/tables.ts";
import { rollBackJournal } from "./backup/journal.ts";
import { conversationTables } from "./conversations/tables.ts";
import { beginExclusive } from "./locking.ts";
import { peopleTables } from "./people/tables.ts";
import { FilesMoved, Unusable } from "./refusal.ts";

/** "Rost": marks the file as ours (PRAGMA application_id). */
export const applicationId = 0x526f7374;

/** One for each schema; the first creates schema 1. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE sequence (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last_id INTEGER NOT NULL,
    committed_ms INTEGER NOT NULL
  );
  INSERT INTO sequence VALUES (1, 0, 0);

  CREATE TABLE node (
    number INTEGER PRIMARY KEY,
    holder TEXT NOT NULL UNIQUE,
    until_ms INTEGER NOT NULL
  );

  CREATE TABLE account (
    number INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (app, name)
  );

  CREATE TABLE "group" (
    number INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    avatar TEXT NOT NULL,
    introduction TEXT NOT NULL,
    owner INTEGER NOT NULL,
    closed INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    version INTEGER NOT NULL,
    member_count INTEGER NOT NULL,
    UNIQUE (app, id)
  );

  CREATE TABLE member (
    number INTEGER PRIMARY KEY,
    "group" INTEGER NOT NULL,
    account INTEGER NOT NULL,
    from_id INTEGER NOT NULL,
    until_id INTEGER,
    joined_ms INTEGER NOT NULL,
    alias TEXT NOT NULL DEFAULT '',
    avatar TEXT NOT NULL DEFAULT ''
  );
  CREATE UNIQUE INDEX member_now ON member ("group", account) WHERE until_id IS NULL;
  CREATE INDEX member_window ON member (account, "group", from_id, until_id);

  CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    inbox INTEGER NOT NULL,
    sender INTEGER NOT NULL,
    type INTEGER NOT NULL,
    body TEXT NOT NULL,
    extra TEXT NOT NULL,
    sent_ns INTEGER NOT NULL,
    client_id TEXT
  );
  -- A secondary index ends in the rowid, so these are (inbox, id) and (sender, id).
  CREATE INDEX message_inbox ON message (inbox);
  CREATE INDEX message_sender ON message (sender);
  CREATE UNIQUE INDEX message_client ON message (sender, client_id) WHERE client_id IS NOT NULL;

  CREATE TABLE cursor (
    account INTEGER NOT NULL,
    device TEXT NOT NULL,
    acked INTEGER NOT NULL,
    PRIMARY KEY (account, device)
  ) WITHOUT ROWID;
  `,
  // Messages become an append-only log; the index (index-file.ts) finds them by key. The mark identifies this log's
  // index.
  `
  DROP INDEX message_inbox;
  DROP INDEX message_sender;
  DROP INDEX message_client;
  CREATE TABLE log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    mark INTEGER NOT NULL
  );
  INSERT INTO log VALUES (1, random());
  `,
  // Marks, not the times in ids, determine what is old. The first look at the clocks fills these tables (horizons.ts).
  `
  CREATE TABLE horizon (
    kind TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    keep_ms INTEGER NOT NULL,
    looked_ms INTEGER NOT NULL,
    credit_ms INTEGER NOT NULL,
    waits INTEGER NOT NULL,
    proven_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE run_time (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    ran_ms INTEGER NOT NULL,
    leapt_ms INTEGER NOT NULL
  );
  INSERT INTO run_time VALUES (1, 0, 0);
  -- The store's last id was id at at_ms, when its processes had run for ran_ms.
  CREATE TABLE mark (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    ran_ms INTEGER NOT NULL
  );
  -- A purge finds the windows that were closed by then; each of its slices would read all members otherwise.
  CREATE INDEX member_past ON member (until_id) WHERE until_id IS NOT NULL;
  `,
  // The store's identity, and the fingerprints of the cluster that owns it (auth/store-ownership.ts). The epoch changes
  // whenever the content is replaced.
  `
  CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    identity TEXT NOT NULL,
    epoch TEXT NOT NULL
  );
  INSERT INTO identity VALUES (1, lower(hex(randomblob(16))), lower(hex(randomblob(16))));

  CREATE TABLE owner (
    fingerprint TEXT PRIMARY KEY
  ) WITHOUT ROWID;

  -- Only people delete or change names: processes forget the numbers that they remember. The highest number would be
  -- given again, to somebody who would read what is not theirs: it stays taken.
  CREATE TRIGGER IF NOT EXISTS account_deleted AFTER DELETE ON account BEGIN
    UPDATE identity SET epoch = lower(hex(randomblob(16)));
    INSERT INTO account (number, app, name)
    SELECT OLD.number, '', 'lost-' || OLD.number
    WHERE OLD.app <> '' AND OLD.number > (SELECT ifnull(max(number), 0) FROM account);
  END;

  CREATE TRIGGER IF NOT EXISTS account_changed AFTER UPDATE OF number, app, name ON account BEGIN
    UPDATE identity SET epoch = lower(hex(randomblob(16)));
  END;

  CREATE TRIGGER IF NOT EXISTS group_deleted AFTER DELETE ON "group" BEGIN
    UPDATE identity SET epoch = lower(hex(randomblob(16)));
    INSERT INTO "group"
      (number, app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
    SELECT OLD.number, '', 'lost-' || OLD.number, '', '', '', 0, 1, 0, 0, 0
    WHERE OLD.app <> '' AND OLD.number > (SELECT ifnull(max(number), 0) FROM "group");
  END;

  CREATE TRIGGER IF NOT EXISTS group_changed AFTER UPDATE OF number, app, id ON "group" BEGIN
    UPDATE identity SET epoch = lower(hex(randomblob(16)));
  END;
  `,
  // Which memberships are an account's own (it created the group, or joined by itself), and how many of each kind it
  // has. Earlier memberships, and those that a program of schema 4 adds, count as put by others, which never prevents
  // the account from creating or joining groups. An account without a row is not counted yet (group-writer.ts);
  // triggers maintain the rows of the others. `unfinished` holds groups whose members are still being added.
  `
  ALTER TABLE member ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE group_count (
    account INTEGER PRIMARY KEY,
    own INTEGER NOT NULL,
    put INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE unfinished (
    "group" INTEGER PRIMARY KEY,
    step INTEGER NOT NULL
  ) WITHOUT ROWID;

  CREATE TRIGGER member_entered AFTER INSERT ON member WHEN NEW.until_id IS NULL BEGIN
    UPDATE group_count SET own = own + NEW.own, put = put + 1 - NEW.own WHERE account = NEW.account;
  END;

  CREATE TRIGGER member_left AFTER UPDATE OF until_id ON member
  WHEN OLD.until_id IS NULL AND NEW.until_id IS NOT NULL BEGIN
    UPDATE group_count SET own = own - OLD.own, put = put - 1 + OLD.own WHERE account = OLD.account;
  END;

  CREATE TRIGGER member_deleted AFTER DELETE ON member WHEN OLD.until_id IS NULL BEGIN
    UPDATE group_count SET own = own - OLD.own, put = put - 1 + OLD.own WHERE account = OLD.account;
  END;
  `,
  // Kicks and revocations (revocations.ts). Ids are from the sequence of messages. Accounts may have no row in
  // `account`.
  `
  CREATE TABLE revocation (
    id INTEGER PRIMARY KEY,
    app TEXT NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- NULL: all.
    device TEXT,
    before_ms INTEGER NOT NULL
  );
  CREATE INDEX revocation_of ON revocation (app, account);
  `,
  conversationTables,
  peopleTables,
  backEndTables,
];

export type AddedDefault = "0" | "''" | "NULL";

/** Columns that migrations have added to a table, and their defaults: earlier rows end before them. */
export const addedColumns: Readonly<Record<string, Readonly<Record<string, AddedDefault>>>> = {
  sequence: { guard_id: "0" },
  group: { announcement: "''", approval: "0", for_admins: "0", dismissed_id: "0", closing: "0" },
  member: { own: "0", role: "0", muted_until: "0" },
  entry: { accounts: "NULL", count: "0", value: "0", quiet: "0" },
  message: { state: "NULL", reply_to: "NULL", thread: "NULL", mentions: "NULL" },
};

export const schemaVersion = migrations.length;

export function pragmaNumber(db: Database, name: "user_version" | "application_id"): number {
  const row = db.query<{ value: bigint }, []>(`SELECT ${name} AS value FROM pragma_${name}`).get();
  return Number(row?.value ?? 0n);
}

/**
 * Throws FilesMoved if a store of an earlier schema was put into the open file: opening the files again migrates it.
 * Until then its tables that are missing look like damage.
 */
export function refuseEarlier(db: Database): void {
  if (pragmaNumber(db, "user_version") < schemaVersion)
    throw new FilesMoved("a store of an earlier version replaced the open one");
}

/** Migrates the file to the newest schema under an exclusive lock; refuses newer ones and files of other programs. */
export function migrate(db: Database, path: string): void {
  // Checked before locking: a current file must not wait for its writers.
  if (isCurrent(db, path)) return;
  beginExclusive(db);
  try {
    if (!isCurrent(db, path)) {
      for (const migration of migrations.slice(pragmaNumber(db, "user_version"))) db.run(migration);
      db.run(`PRAGMA application_id = ${applicationId}`);
      db.run(`PRAGMA user_version = ${schemaVersion}`);
    }
    db.run("COMMIT");
  } catch (error) {
    if (db.inTransaction) db.run("ROLLBACK");
    throw error;
  }
}

/** Refuses a store without the newest schema, a newer one, and files of other programs; changes nothing. */
export function requireCurrent(path: string): void {
  rollBackJournal(path);
  using db = new Database(path, { readonly: true, safeIntegers: true, strict: true });
  db.run("PRAGMA busy_timeout = 5000");
  if (isCurrent(db, path)) return;
  throw new Unusable(
    `the store ${path} has schema ${pragmaNumber(db, "user_version")}, and this program needs ${schemaVersion}; ` +
      "start its server once with this program, which migrates it",
  );
}

/** Throws Unusable for a database of another program, and for a newer store. */
export function refuseUnknown(db: Database, path: string): void {
  isCurrent(db, path);
}

/** Reads a consistent state of the file: another process may be creating its tables. */
function isCurrent(db: Database, path: string): boolean {
  if (db.inTransaction) return isCurrentNow(db, path);
  db.run("BEGIN");
  try {
    return isCurrentNow(db, path);
  } finally {
    if (db.inTransaction) db.run("ROLLBACK");
  }
}

function isCurrentNow(db: Database, path: string): boolean {
  const version = pragmaNumber(db, "user_version");
  requireKnown(path, pragmaNumber(db, "application_id"), version, () => {
    return db.query("SELECT 1 FROM sqlite_master LIMIT 1").get() !== null;
  });
  return version === schemaVersion;
}

/** Throws Unusable for the numbers of another program's database, and of a newer store. */
export function requireKnown(path: string, id: number, version: number, hasTables: () => boolean): void {
  if (id !== applicationId && (version !== 0 || hasTables())) {
    throw new Unusable(
      `the file ${path} is a database of another program, or a session store; give --store another path`,
    );
  }
  if (version > schemaVersion) {
    throw new Unusable(
      `the store ${path} has schema ${version}, and this program knows schemas up to ${schemaVersion}; ` +
        "start the newer program that wrote it, or give another path",
    );
  }
}
