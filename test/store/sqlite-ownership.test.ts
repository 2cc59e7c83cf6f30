import { Database } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claimOfNobody } from "../../src/auth/store-ownership.ts";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { ownershipSuite, type OwnedPlace } from "./ownership-suite.ts";

const root = mkdtempSync(join(tmpdir(), "owned-store-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let places = 0;
const freshPath = (): string => join(root, `${places++}.db`);

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
  for (const statement of ["DROP TABLE identity", "DROP TABLE owner", "PRAGMA user_version = 3"])
    change(path, statement);
  const stores = await Promise.all(
    [1, 2].map(() => openSqliteStore({ path, retentionDays: 0, log: silentLog, claim })),
  );
  expect(stores[0]?.identity).toBeDefined();
  expect(stores[1]?.identity).toEqual(stores[0]?.identity);
  for (const store of stores) await store.close();
  await expect(openSqliteStore({ path, retentionDays: 0, log: silentLog, claim: claimOfNobody })).rejects.toThrow(
    /belongs to the cluster/,
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
