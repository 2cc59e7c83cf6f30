// Salvages of files whose schema is damaged, on whatever pages it lies and whatever has become of the file before:
// nothing is lost that is on other pages.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { closeSync, copyFileSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { PageFile } from "../../src/store/sqlite/salvage/btree-page.ts";
import { Refusal } from "../../src/store/sqlite/refusal.ts";
import { salvage, verifySalvaged } from "../../src/store/sqlite/salvage/salvage.ts";
import { applicationId, migrations, schemaVersion } from "../../src/store/sqlite/schema.ts";
import { overwrite, pageBytes } from "../support/damaged-store.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("salvage-schema-");

type Rows = ReadonlyMap<string, readonly unknown[]>;

/**
 * A store of the past: the schema that it was made with, and the one that it had when it was restored from a backup.
 */
interface Past {
  readonly made: number;
  readonly restored: number | undefined;
  /** Whether it has groups, cursors and messages, too, or names only. */
  readonly isFull: boolean;
}

const pasts: Past[] = [];
for (let made = 1; made <= schemaVersion; made++)
  for (const isFull of [true, false]) {
    pasts.push({ made, restored: undefined, isFull });
    for (let restored = made; restored <= schemaVersion; restored++) pasts.push({ made, restored, isFull });
  }

const idBase = 1n << 60n;

/** Adds rows to all tables of a schema that may have many. */
function addRows(db: Database, version: number, count: number, isFull: boolean): void {
  const numbers = `WITH RECURSIVE n(i) AS (SELECT ${version * 100_000} UNION ALL SELECT i + 1 FROM n LIMIT ${count})`;
  const id = `${idBase} + i * 5000`;
  db.run(`${numbers} INSERT INTO account SELECT i, 'app', 'name-' || i FROM n`);
  db.run(`UPDATE sequence SET last_id = ${idBase + BigInt(version + 1) * 500_000_000n}, committed_ms = 7`);
  if (!isFull) return;
  db.run(`${numbers} INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id)
    SELECT ${id}, i, i, 1, 'text ' || i, '', i, 'key' || i FROM n`);
  const ofGroup = "(number, app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)";
  db.run(
    `${numbers} INSERT INTO "group" ${ofGroup} SELECT i, 'app', 'g' || i, 'name', '', '', i, 0, 0, ${id}, 1 FROM n`,
  );
  const of = `(number, "group", account, from_id, until_id, joined_ms${version < 5 ? "" : ", own"})`;
  const own = version < 5 ? "" : ", i % 3 = 0";
  db.run(`${numbers} INSERT INTO member ${of} SELECT i, i, i, ${id}, iif(i % 2, NULL, ${id} + 1), 0${own} FROM n`);
  db.run(`${numbers} INSERT INTO cursor SELECT i, 'device', ${id} FROM n`);
  // Their pages become free, and some of them are used again.
  db.run(`DELETE FROM message WHERE id > ${idBase + BigInt(version * 100_000 + Math.floor(count / 2)) * 5000n}`);
  if (version < 3) return;
  db.run("INSERT OR IGNORE INTO horizon VALUES ('retention', 1, 2, 3, 4, 5, 6)");
  db.run("UPDATE run_time SET ran_ms = 5, leapt_ms = 6");
  db.run(`${numbers} INSERT INTO mark SELECT ${id}, i, i FROM n`);
  if (version < 4) return;
  db.run(`INSERT OR IGNORE INTO owner VALUES ('${"0123456789abcdef".repeat(2)}')`);
  if (version < 6) return;
  db.run(`${numbers} INSERT INTO revocation SELECT ${id}, 'app', 'a' || i, 'kick', iif(i % 2, NULL, 'd'), i FROM n`);
  if (version < 7) return;
  // A message that was not deleted.
  const about = `${idBase} + (${version * 100_000} + i % ${Math.max(1, Math.floor(count / 2))}) * 5000`;
  db.run("UPDATE message SET state = 1, reply_to = id, thread = id, mentions = 'name-1' WHERE sender % 4 = 0");
  db.run(
    `${numbers} INSERT INTO entry (id, kind, inbox, actor, refers, at_ns, client_id, reaction, is_off)
     SELECT ${id} + 1, 3, -i, i, ${about}, i, iif(i % 2, NULL, 'k'), 'like', 0 FROM n`,
  );
  db.run(`${numbers} INSERT INTO mention SELECT i, 'name-' || i, i, ${about} FROM n`);
  db.run(`${numbers} INSERT INTO reaction SELECT i, ${about}, i, 'like' FROM n`);
  db.run(`${numbers} INSERT INTO hidden SELECT i, i, ${about}, ${id} + 2 FROM n`);
  db.run(`${numbers} INSERT INTO read_mark SELECT i, i, -i, ${id}, 5 FROM n`);
  db.run(`${numbers} INSERT INTO conversation SELECT i, i, -i, 1, 0, 0, ${id}, ${id} + 3 FROM n`);
  if (version < 8) return;
  db.run("UPDATE entry SET accounts = actor || ',' || actor, count = 2, value = 3, quiet = 1 WHERE actor % 4 = 0");
  db.run("UPDATE member SET role = 1, muted_until = 9 WHERE account % 4 = 0");
  db.run(`UPDATE "group" SET announcement = 'hi', approval = 1, closing = 1 WHERE number % 4 = 0`);
  db.run(`${numbers} INSERT INTO invitation SELECT i, 'app', 'code' || i, i, i, 9, -1 FROM n`);
  db.run(`${numbers} INSERT INTO join_request SELECT i, i, i, 'text', 9 FROM n`);
  // A message has one pin.
  db.run(`${numbers} INSERT OR IGNORE INTO pin SELECT i, -i, 0, ${about}, ${id} + 1, i FROM n`);
  db.run(`${numbers} INSERT INTO block SELECT i, i, 'on', i, ${id} + 3 FROM n`);
  db.run(`${numbers} INSERT INTO consent SELECT i, i, ${id} + 3, 'nobody', 'everybody' FROM n`);
  db.run("UPDATE sequence SET guard_id = (SELECT max(version) FROM block)");
  db.run(`${numbers} INSERT INTO profile SELECT i, i, 'name', '', '', ${id} + 3 FROM n`);
  if (version < 9) return;
  db.run(`${numbers} INSERT INTO api_key SELECT i, 'id' || i, '*', 'a', 'key', 'hash' || i, ${id} + 4, 1, 0 FROM n`);
  db.run(`${numbers} INSERT INTO ban SELECT i, 9, 'app', 'a' || i FROM n`);
  db.run(`${numbers} INSERT INTO app_data SELECT i, 0, 'app' || i, 'live', ${id}, 0, 1 FROM n`);
  db.run(`${numbers} INSERT INTO import SELECT i, 'app', 9, 'import' || i, 1 FROM n`);
  db.run(`${numbers} INSERT INTO import_page SELECT i, '5,6', i, 5, 5 FROM n`);
  db.run(`${numbers} INSERT INTO operation SELECT ${id} + 4, 'app', 'a' || i, i, 'done', 0, 7, 1, 2 FROM n`);
  db.run(`${numbers} INSERT INTO hook SELECT ${id} + 5, ${id} + 5, 'app', 'h' || i, 'u', 's', 'e', 1, 1, 1, 0 FROM n`);
  db.run(`${numbers} INSERT INTO hook_batch
    SELECT i, ${id} + 5, 'w' || i, 'log', 'open', '1,2', 'a,b', ${id}, 1, 2, '' FROM n`);
  db.run(`${numbers} INSERT INTO media SELECT i, 'm' || i, i, 'a.txt', 'text/plain', 5, 2, ${id} + 6 FROM n`);
  db.run(`${numbers} INSERT INTO media_use SELECT i, ${about}, 'm' || i, i FROM n`);
  db.run("UPDATE hook_lease SET holder = 'somebody', beat = 7");
}

/** Makes a store of the newest schema with a past. Returns its path. */
function storeOf({ made, restored, isFull }: Past, count: number): string {
  let path = freshPath();
  let db = new Database(path, { create: true });
  for (let version = 1; version <= schemaVersion; version++) {
    db.run(migrations[version - 1] ?? "");
    db.run(`PRAGMA application_id = ${applicationId}`);
    db.run(`PRAGMA user_version = ${version}`);
    if (version >= made) addRows(db, version, count, isFull);
    if (version !== restored) continue;
    path = freshPath();
    db.run("VACUUM INTO ?", [path]);
    db.close();
    db = new Database(path);
  }
  db.close();
  return path;
}

function copyOf(path: string): string {
  const copy = freshPath();
  copyFileSync(path, copy);
  return copy;
}

/** All rows of a store but what a salvage makes anew. */
function rowsOf(path: string): Rows {
  const db = new Database(path, { safeIntegers: true, readonly: true });
  const tables = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const rows = new Map<string, unknown[]>();
  for (const { name } of tables)
    if (!["node", "hook_lease", "log", "group_count", "unfinished"].includes(name)) {
      const columns = name === "identity" ? "one, identity" : "*";
      rows.set(name, db.query(`SELECT ${columns} FROM "${name}" ORDER BY 1`).all());
    }
  db.close();
  return rows;
}

/** Salvages a store; returns the rows that were saved, and what the report says of the tables. */
function savedRows(path: string): { readonly rows: Rows; readonly notFound: readonly string[] | undefined } {
  const saved = freshPath();
  const { notFound } = salvage(path, saved, () => undefined);
  verifySalvaged(saved);
  const rows = rowsOf(saved);
  rmSync(saved);
  return { rows, notFound };
}

/** The numbers of the pages on which the schema is, from 0. */
function schemaPages(path: string): number[] {
  const file = new PageFile(path);
  const pages = [1];
  for (const page of pages) pages.push(...(file.btree(page)?.children ?? []));
  file.close();
  return pages.map((page) => page - 1);
}

for (const past of pasts) {
  const { made, restored, isFull } = past;
  const what = `${isFull ? "with all rows" : "with names only"}, made with schema ${made}`;
  const since = restored === undefined ? "" : ` and restored with schema ${restored}`;
  test(`any page of the schema of a store ${what}${since}, costs nothing`, () => {
    const whole = storeOf(past, 700);
    const before = rowsOf(whole);
    for (const page of schemaPages(whole)) {
      const path = copyOf(whole);
      overwrite(path, page);
      const { rows, notFound } = savedRows(path);
      expect(rows).toEqual(before);
      expect(notFound).toBeDefined();
      if (isFull) expect(notFound).toEqual([]);
      rmSync(path);
    }
  });
}

test("a schema of many pages: each of them, and all of them, may be lost", () => {
  const whole = freshPath();
  const db = new Database(whole, { create: true });
  for (const [at, migration] of migrations.entries()) {
    db.run(migration);
    for (let i = 0; i < 8; i++) db.run(`CREATE VIEW v${at}_${i} AS SELECT '${"x".repeat(1_500)}' AS text`);
  }
  db.run(`PRAGMA application_id = ${applicationId}`);
  db.run(`PRAGMA user_version = ${schemaVersion}`);
  addRows(db, schemaVersion, 700, true);
  db.close();
  const pages = schemaPages(whole);
  expect(pages.length).toBeGreaterThan(12);
  const before = rowsOf(whole);
  for (const lost of [...pages.map((page) => [page]), pages]) {
    const path = copyOf(whole);
    for (const page of lost) overwrite(path, page);
    expect(savedRows(path).rows).toEqual(before);
  }
});

test("without the first page and any other page, no more is lost than that other page holds", () => {
  const past = { made: 1, restored: 3, isFull: true };
  const random = new Random(testSeed("salvage-schema"));
  const whole = storeOf(past, 700);
  const [first = 0, ...others] = schemaPages(whole);
  const pages = statSync(whole).size / pageBytes;
  for (let round = 0; round < 20; round++) {
    const page = 1 + random.below(pages - 1);
    const one = copyOf(whole);
    overwrite(one, page);
    const without = savedRows(one).rows;
    overwrite(one, first);
    const { rows } = savedRows(one);
    if (others.includes(page)) expect(rows).toEqual(without);
    for (const [table, kept] of without) {
      // Children of a page that is lost are found by themselves.
      const missing = kept.length - (rows.get(table)?.length ?? 0);
      expect([page, table, missing <= 0]).toEqual([page, table, true]);
    }
  }
}, 60_000);

test("deleted messages do not come back, also if none is left", () => {
  const path = storeOf({ made: 1, restored: undefined, isFull: true }, 700);
  const db = new Database(path);
  db.run("DELETE FROM message");
  db.close();
  const before = rowsOf(path);
  overwrite(path, 0);
  expect(savedRows(path).rows).toEqual(before);
});

test("what is only in the write-ahead log is saved beside any damaged schema page, even if the log holds it", () => {
  for (const change of ["", "CREATE TABLE more (a)", "DROP INDEX member_past"]) {
    const whole = storeOf({ made: 1, restored: 2, isFull: true }, 300);
    const db = new Database(whole);
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA wal_autocheckpoint = 0");
    if (change !== "") db.run(change);
    db.run("UPDATE message SET body = 'changed'");
    db.run("INSERT INTO account (app, name) VALUES ('app', 'late')");
    db.run(`INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id)
      SELECT id + 1, inbox, sender, type, body, extra, sent_ns, NULL FROM message`);
    const before = rowsOf(whole);
    const pages = schemaPages(whole);
    for (const lost of [...pages.map((page) => [page]), pages]) {
      const path = copyOf(whole);
      copyFileSync(`${whole}-wal`, `${path}-wal`);
      for (const page of lost) overwrite(path, page);
      const { rows } = savedRows(path);
      for (const [table, all] of before) if (table !== "more") expect([table, rows.get(table)]).toEqual([table, all]);
    }
    db.close();
  }
});

test("names on a damaged page are read from their index, wherever the first page says nothing of either", () => {
  for (const restored of [undefined, 4]) {
    const path = storeOf({ made: 1, restored, isFull: false }, 700);
    const before = rowsOf(path);
    const file = new PageFile(path);
    const leaf = file.btree(5)?.children[1] ?? 0;
    file.close();
    overwrite(path, leaf - 1);
    overwrite(path, 0);
    expect(savedRows(path).rows).toEqual(before);
  }
});

test("noise in any pages: a salvage makes a store in order, or refuses with a sentence", () => {
  const random = new Random(testSeed("salvage-noise"));
  const whole = storeOf({ made: 1, restored: 4, isFull: true }, 300);
  const pages = statSync(whole).size / pageBytes;
  for (let round = 0; round < 40; round++) {
    const path = copyOf(whole);
    const file = openSync(path, "r+");
    for (let hits = random.below(12); hits >= 0; hits--) {
      const noise = Buffer.from(Array.from({ length: 1 + random.below(60) }, () => random.below(256)));
      // The beginnings of pages say most; the first pages are the beginnings of the tables.
      const page = random.below(2) === 0 ? random.below(Math.min(20, pages)) : random.below(pages);
      const at = random.below(2) === 0 ? random.below(120) : random.below(pageBytes - noise.length);
      writeSync(file, noise, 0, noise.length, page * pageBytes + at);
    }
    closeSync(file);
    try {
      savedRows(path);
    } catch (error) {
      expect(error).toBeInstanceOf(Refusal);
    }
  }
});
