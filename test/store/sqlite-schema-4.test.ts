// A SQLite store of schema 4 is upgraded while a process of that schema is at work on it: that goes on until it is
// restarted. What it has made and makes keeps nobody from creating and joining groups.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { limitValues, type LimitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../src/store/store.ts";
import { backToSchema4 } from "../support/former-schema.ts";
import { draft } from "./samples.ts";
import { endings } from "../support/endings.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const freshPath = temporaryPaths("schema-4-");
const ends = endings();

const open = async (path: string, limits: Partial<LimitValues> = {}): Promise<Store> => {
  const store = await openSqliteStore({ path, retentionDays: 0, log: silentLog, limits: limitValues(limits) });
  ends.push(() => store.close());
  return store;
};

/** A store of schema 4: bob owns a group, was put into another one, and has joined a third; joe is in the third. */
async function formerStore(): Promise<string> {
  const path = freshPath();
  const store = await openSqliteStore({ path, retentionDays: 0, log: silentLog });
  await store.createGroup(draft({ id: "b1", owner: "bob" }));
  await store.createGroup(draft({ id: "e1", owner: "eve", members: ["bob"] }));
  await store.createGroup(draft({ id: "e2", owner: "eve", members: ["joe"] }));
  await store.join({ app: "app", group: "e2", actor: "bob", account: "bob" });
  await store.close();
  const db = new Database(path);
  backToSchema4(db);
  db.close();
  return path;
}

test("former memberships count as put by others: they keep no account from creating and joining", async () => {
  const path = await formerStore();
  const store = await open(path, { groupsPerAccount: 2, groupsPutPerAccount: 3 });
  expect(await store.createGroup(draft({ id: "b2", owner: "bob" }))).toMatchObject({ result: "created", leftOut: [] });
  const change = { app: "app", actor: "bob", account: "bob" };
  expect((await store.quit({ ...change, group: "e2" })).result).toBe("changed");
  expect((await store.join({ ...change, group: "e2" })).result).toBe("changed");
  expect(await store.createGroup(draft({ id: "b3", owner: "bob" }))).toEqual({ result: "full" });
  const members = ["bob"];
  expect(await store.createGroup(draft({ id: "e3", owner: "eve", members }))).toMatchObject({ leftOut: [] });
  expect(await store.createGroup(draft({ id: "e4", owner: "eve", members }))).toMatchObject({ leftOut: members });
  expect(checkStore(path, () => undefined).logProblems).toEqual([]);
});

test("a process of schema 4 enters and leaves as before, and is counted", async () => {
  const path = await formerStore();
  const former = new Database(path, { safeIntegers: true });
  ends.push(() => former.close());
  former.run("PRAGMA busy_timeout = 5000");
  // Prepared before the upgrade, as that process has them.
  const numberOf = former.prepare<{ number: bigint }, [string]>("SELECT number FROM account WHERE name = ?");
  const groupOf = former.prepare<{ number: bigint }, [string]>(`SELECT number FROM "group" WHERE id = ?`);
  const enter = former.prepare<null, [bigint, bigint, bigint, number]>(
    `INSERT INTO member ("group", account, from_id, joined_ms) VALUES (?, ?, ?, ?)`,
  );
  const leave = former.prepare<null, [bigint, bigint, bigint]>(
    `UPDATE member SET until_id = ? WHERE "group" = ? AND account = ? AND until_id IS NULL`,
  );
  const [bob = 0n, b1 = 0n, e1 = 0n] = [
    numberOf.get("bob")?.number,
    groupOf.get("b1")?.number,
    groupOf.get("e1")?.number,
  ];
  const joe = numberOf.get("joe")?.number ?? 0n;
  enter.run(b1, joe, 1n, 1);
  const store = await open(path, { groupsPutPerAccount: 4 });
  // From here on the accounts are counted.
  const members = ["bob", "joe"];
  expect(await store.createGroup(draft({ id: "e3", owner: "eve", members }))).toMatchObject({ leftOut: [] });
  enter.run(e1, joe, 2n, 1);
  leave.run(3n, e1, bob);
  former.run(`UPDATE "group" SET member_count = 2 WHERE id = 'b1'`);
  expect(await store.createGroup(draft({ id: "e4", owner: "eve", members }))).toMatchObject({ leftOut: ["joe"] });
  expect(await store.createGroup(draft({ id: "e5", owner: "eve", members }))).toMatchObject({ leftOut: members });
  expect(checkStore(path, () => undefined).logProblems).toEqual([]);
});

test("a check says which counts are wrong, and they are counted again once they are deleted", async () => {
  const path = await formerStore();
  const store = await open(path, { groupsPutPerAccount: 5 });
  const members = ["bob"];
  await store.createGroup(draft({ id: "e3", owner: "eve", members }));
  const db = new Database(path);
  ends.push(() => db.close());
  db.run("PRAGMA busy_timeout = 5000");
  db.run("UPDATE group_count SET put = 9");
  expect(checkStore(path, () => undefined).logProblems).toEqual([
    "the group counts of 2 accounts are wrong; DELETE FROM group_count makes the store count them again",
  ]);
  expect(await store.createGroup(draft({ id: "e4", owner: "eve", members }))).toMatchObject({ leftOut: members });
  db.run("DELETE FROM group_count");
  expect(await store.createGroup(draft({ id: "e5", owner: "eve", members }))).toMatchObject({ leftOut: [] });
  expect(checkStore(path, () => undefined).logProblems).toEqual([]);
});
