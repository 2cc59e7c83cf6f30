import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync, rmSync } from "node:fs";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";
import { until } from "../../scripts/harness/until.ts";
import { claimOf, sessionOwnerSuite, type OwnedEngine } from "./session-owner-suite.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("roost-session-owner-");

function change(path: string, statement: string, ...values: string[]): void {
  const db = new Database(path);
  db.run("PRAGMA busy_timeout = 2000");
  db.run(statement, values);
  db.close();
}

interface Row {
  readonly identity: unknown;
  readonly owners: unknown;
}

function fileEngine(path: string): OwnedEngine {
  return {
    open: (claim, log, refused, time) => openSqliteSessions({ path, claim, log, refused, ...(time && { time }) }),
    read: async () => {
      const db = new Database(path);
      try {
        const hasTable = db.query("SELECT 1 FROM sqlite_schema WHERE name = 'ownership'").get() !== null;
        const row = hasTable ? db.query<Row, []>("SELECT identity, owners FROM ownership").get() : null;
        return row ?? { identity: undefined, owners: undefined };
      } finally {
        db.close();
      }
    },
    write: async ({ identity, owners }) => {
      if (identity !== undefined) change(path, "UPDATE ownership SET identity = ?", identity);
      if (owners !== undefined) change(path, "UPDATE ownership SET owners = ?", owners);
    },
    empty: async () => {
      for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
    },
    spoil: { "a number": async () => change(path, "UPDATE ownership SET identity = x'00ff'") },
    shiftRenewal: async (ms) => change(path, `UPDATE state SET ticked_ms = ticked_ms + ${ms}`),
    remove: () => Promise.resolve(),
  };
}

sessionOwnerSuite("sessions in an SQLite file", async () => fileEngine(freshPath()));

const [first, second] = [claimOf(["first"]), claimOf(["second"])];

test("a file of the version before is taken by the first cluster that opens it, and stays what it is", async () => {
  const path = freshPath();
  await (await openSqliteSessions({ path, log: silentLog })).close();
  change(path, "DROP TABLE ownership");
  const before = new Database(path);
  const facts = (db: Database): unknown => [
    db.query("SELECT epoch, boot FROM state").get(),
    db.query("PRAGMA user_version").get(),
  ];
  const was = facts(before);
  const sessions = await openSqliteSessions({ path, log: silentLog, claim: first });
  expect(sessions.identity).toBeDefined();
  expect(facts(before)).toEqual(was);
  before.close();
  await expect(openSqliteSessions({ path, log: silentLog, claim: second })).rejects.toThrow(
    /belongs to a(?:nother)? cluster/,
  );
  await sessions.close();
});

test("a table that a process of the previous version has lost is made again, with the same identity", async () => {
  const path = freshPath();
  const sessions = await openSqliteSessions({ path, log: silentLog, claim: first });
  const { identity } = sessions.identity ?? {};
  change(path, "DROP TABLE ownership");
  await until(async () => (await fileEngine(path).read()).identity === identity, "it is there again");
  await sessions.close();
});

test("a copy of the file belongs to the same cluster", async () => {
  const [path, to] = [freshPath(), freshPath()];
  await (await openSqliteSessions({ path, log: silentLog, claim: first })).close();
  change(path, "PRAGMA wal_checkpoint(TRUNCATE)");
  copyFileSync(path, to);
  await expect(openSqliteSessions({ path: to, log: silentLog, claim: second })).rejects.toThrow(
    /belongs to a(?:nother)? cluster/,
  );
});

test("a file that is the claimant's is opened while another process holds its lock", async () => {
  const path = freshPath();
  const one = await openSqliteSessions({ path, log: silentLog, claim: first });
  const holder = new Database(path);
  holder.run("BEGIN IMMEDIATE");
  const two = await openSqliteSessions({ path, log: silentLog, claim: first });
  expect(two.identity).toEqual(one.identity);
  holder.run("ROLLBACK");
  holder.close();
  await two.close();
  await one.close();
});

test("a file that is another cluster's is left at once, also while another process holds its lock", async () => {
  const path = freshPath();
  const sentences: string[] = [];
  const refused = (sentence: string): unknown => sentences.push(sentence);
  const sessions = await openSqliteSessions({ path, log: silentLog, claim: first, refused });
  const holder = new Database(path);
  holder.run("BEGIN IMMEDIATE");
  holder.run("UPDATE ownership SET owners = ?", second.fingerprints.slice(0, 1));
  holder.run("COMMIT");
  holder.run("BEGIN IMMEDIATE");
  await until(() => sentences.length > 0, "it is told");
  expect(sentences[0]).toContain("belongs to another cluster");
  await expect(openSqliteSessions({ path, log: silentLog, claim: first })).rejects.toThrow(
    /belongs to another cluster/,
  );
  holder.run("ROLLBACK");
  holder.close();
  await sessions.close();
});
