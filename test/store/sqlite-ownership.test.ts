import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { claimOfNobody } from "../../src/auth/store-ownership.ts";
import { silentLog } from "../../src/base/log.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { receive } from "../../src/store/sqlite/backup/restore.ts";
import { salvage } from "../../src/store/sqlite/salvage/salvage.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { talk } from "./samples.ts";
import { ownershipSuite, type OwnedPlace } from "./ownership-suite.ts";
import { sqliteSchema4 } from "../support/former-schema.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("owned-store-");

function change(path: string, statement: string): void {
  const db = new Database(path);
  db.run("PRAGMA busy_timeout = 5000");
  db.run(statement.replaceAll("$", ""));
  db.close();
}

function placeAt(path: string): OwnedPlace {
  return {
    open: (claim, log, refused) =>
      openSqliteStore({ path, retentionDays: 15, log, claim, ...(refused === undefined ? {} : { refused }) }),
    run: async (statement) => change(path, statement),
    copy: async () => {
      const to = freshPath();
      change(path, "PRAGMA wal_checkpoint(TRUNCATE)");
      copyFileSync(path, to);
      return placeAt(to);
    },
    remove: () => Promise.resolve(),
  };
}

ownershipSuite("SQLite store", async () => placeAt(freshPath()));

const claim = { fingerprints: ["0123456789abcdef0123456789abcdef"], adopt: false };

test("a store of the schema before is nobody's, and taken by the first cluster that opens it", async () => {
  const path = freshPath();
  await (await openSqliteStore({ path, retentionDays: 0, log: silentLog })).close();
  for (const statement of [...sqliteSchema4, "DROP TABLE identity", "DROP TABLE owner", "PRAGMA user_version = 3"])
    change(path, statement);
  const stores = await Promise.all(
    [1, 2].map(() => openSqliteStore({ path, retentionDays: 0, log: silentLog, claim })),
  );
  expect(stores[0]?.identity).toBeDefined();
  expect(stores[1]?.identity).toEqual(stores[0]?.identity);
  for (const store of stores) await store.close();
  await expect(openSqliteStore({ path, retentionDays: 0, log: silentLog, claim: claimOfNobody })).rejects.toThrow(
    /belongs to a(?:nother)? cluster/,
  );
});

test("a store whose table of owners is gone says that it is damaged, and does not crash", async () => {
  const path = freshPath();
  await (await openSqliteStore({ path, retentionDays: 0, log: silentLog })).close();
  change(path, "DROP TABLE owner");
  await expect(openSqliteStore({ path, retentionDays: 0, log: silentLog, claim })).rejects.toThrow(
    /is damaged: no such table: owner/,
  );
});

/** A store of the cluster with a message, closed; its identity. */
async function filled(path: string): Promise<string> {
  const store = await openSqliteStore({ path, retentionDays: 0, log: silentLog, claim });
  await store.append([talk()]);
  const { identity = "" } = store.identity ?? {};
  await store.close();
  return identity;
}

interface Marks {
  readonly identity: string;
  readonly epoch: string;
  readonly owners: string | null;
}
function marksOf(path: string): Marks | null {
  const db = new Database(path);
  const marks = db
    .query<Marks, []>("SELECT identity, epoch, (SELECT group_concat(fingerprint) FROM owner) AS owners FROM identity")
    .get();
  db.close();
  return marks;
}

test("a salvaged store is the same one of the same owner, in another life, if that can be read", async () => {
  const path = freshPath();
  const identity = await filled(path);
  const before = marksOf(path);
  const saved = freshPath();
  salvage(path, saved, () => undefined);
  expect(marksOf(saved)).toMatchObject({ identity, owners: claim.fingerprints[0] });
  expect(marksOf(saved)?.epoch).not.toBe(before?.epoch);
  for (const statement of ["UPDATE identity SET identity = 'half'", "DELETE FROM identity", "DROP TABLE identity"]) {
    change(path, statement);
    salvage(path, saved, () => undefined);
    expect([statement, marksOf(saved)?.identity]).toEqual([statement, expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(marksOf(saved)?.identity).not.toBe(identity);
    const store = await openSqliteStore({ path: saved, retentionDays: 0, log: silentLog, claim });
    await store.close();
  }
});

test("a restored store is another one than was backed up, of the same owner", async () => {
  const path = freshPath();
  const identity = await filled(path);
  change(path, "PRAGMA wal_checkpoint(TRUNCATE)");
  const restored = freshPath();
  receive(path, restored, "FILE");
  expect(marksOf(restored)?.owners).toBe(claim.fingerprints[0]);
  expect(marksOf(restored)?.identity).toMatch(/^[0-9a-f]{32}$/);
  expect(marksOf(restored)?.identity).not.toBe(identity);
  expect(marksOf(restored)?.epoch).not.toBe(marksOf(path)?.epoch);
  const other = { fingerprints: ["fedcba9876543210fedcba9876543210"], adopt: false };
  await expect(openSqliteStore({ path: restored, retentionDays: 0, log: silentLog, claim: other })).rejects.toThrow(
    /belongs to a(?:nother)? cluster/,
  );
});

test("the check names an invalid identity, and needs no key", async () => {
  const path = freshPath();
  await filled(path);
  expect(checkStore(path, () => undefined).logProblems).toEqual([]);
  change(path, "UPDATE identity SET identity = 'half'");
  expect(checkStore(path, () => undefined).logProblems).toEqual([
    expect.stringContaining("its identity is not one row of 32 hexadecimal digits"),
  ]);
});
