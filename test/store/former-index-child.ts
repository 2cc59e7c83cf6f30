// A process for tests: does to the index of the store at argv[2] what a process of the release with schema 2 of the
// index does, argv[3] times. It opens the file of that release under the log's lock and replaces one that has another
// schema or belongs to another log, and every other time whatever is there, as after damage. In between it has the file
// open, and writes. Prints a line each time, and `met another` for an index of another schema.

import { Database } from "bun:sqlite";
import { existsSync, rmSync } from "node:fs";

const schema = `
  CREATE TABLE state (
    one INTEGER PRIMARY KEY, mark INTEGER NOT NULL, birth INTEGER NOT NULL, version INTEGER NOT NULL,
    folded_id INTEGER NOT NULL, last_run INTEGER NOT NULL, holder TEXT NOT NULL, until_ms INTEGER NOT NULL
  );
  CREATE TABLE run (
    number INTEGER PRIMARY KEY, level INTEGER NOT NULL, last_id INTEGER NOT NULL, messages INTEGER NOT NULL,
    fences_received BLOB NOT NULL, fences_sent BLOB NOT NULL, fences_keyed BLOB NOT NULL,
    filter_received BLOB NOT NULL, filter_keyed BLOB NOT NULL, crcs BLOB NOT NULL
  );
  CREATE TABLE block (number INTEGER PRIMARY KEY, postings BLOB NOT NULL, crc INTEGER NOT NULL);`;

const [, , logPath = "", rounds = "1"] = process.argv;
const indexPath = `${logPath.slice(0, -".db".length)}-index.db`;
const log = connect(logPath);

function connect(path: string): Database {
  const db = new Database(path, { readwrite: true, create: false, safeIntegers: true });
  db.run("PRAGMA busy_timeout = 5000");
  return db;
}

function remove(): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(indexPath + end, { force: true });
}

function openIndex(): Database {
  using made = new Database(indexPath, { readwrite: true, create: true });
  made.run("PRAGMA journal_mode = WAL");
  return connect(indexPath);
}

/** Returns the index if it is one of this release and log. */
function openOwn(mark: bigint): Database | undefined {
  if (!existsSync(indexPath)) return undefined;
  const index = openIndex();
  const [version] = index.query<[bigint], []>("PRAGMA user_version").values().flat();
  if (version === 2n && index.query("SELECT 1 FROM state WHERE mark = ?").get(mark) !== null) return index;
  if (version !== 2n) process.stdout.write("met another\n");
  index.close();
  return undefined;
}

function openOrMake(isReplacing: boolean): Database {
  log.run("BEGIN IMMEDIATE");
  try {
    const mark = log.query<{ mark: bigint }, []>("SELECT mark FROM log").get()?.mark ?? 0n;
    const there = isReplacing ? undefined : openOwn(mark);
    if (there !== undefined) return there;
    remove();
    const index = openIndex();
    index.run("BEGIN");
    index.run(schema);
    index.run("INSERT INTO state VALUES (1, ?, random(), 0, 0, 0, '', 0)", [mark]);
    index.run("PRAGMA user_version = 2");
    index.run("COMMIT");
    return index;
  } finally {
    log.run("ROLLBACK");
  }
}

for (let round = 0; round < Number(rounds); round++) {
  using index = openOrMake(round % 2 === 0);
  index.run("UPDATE state SET until_ms = until_ms + 1");
  await Bun.sleep(2);
  process.stdout.write(`${round}\n`);
}
log.close();
