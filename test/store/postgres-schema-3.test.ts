// A store of schema 3 is upgraded while its programs are at work: they go on until they are restarted. What they have
// made and make keeps nobody from creating and joining groups.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { limitValues, type LimitValues } from "../../src/base/limits/table.ts";
import { outcome } from "../../src/store/jobs.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import type { Store } from "../../src/store/store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { draft, stored, talk } from "./samples.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";

const schema3 = readFileSync(join(import.meta.dir, "postgres-schema-3.sql"), "utf8");

describe.skipIf(!hasPostgres)("a PostgreSQL store of schema 3", () => {
  const db = databaseForEach(postgresForAll());
  const open = (limits: Partial<LimitValues> = {}): Promise<Store> => db.open({ limits: limitValues(limits) });
  beforeEach(() => makeSchema(db.sql, 3, schema3));

  /** As a program of schema 3 does it. */
  const formerChanges = async (over: SQL, holder: string, changes: readonly object[]): Promise<bigint[][]> => {
    const text = JSON.stringify(changes.map((change) => ({ app: "app", ...change })));
    return over`SELECT * FROM roost.write_groups(${holder}, ${null}, ${text}::text::json)`.values();
  };
  const formerCreate = (group: string, ...members: readonly string[]): object => {
    return { kind: "create", group, name: "n", avatar: "", introduction: "", closed: false, members };
  };
  const formerTalk = (over: SQL, holder: string, dest: string) => over<{ outcome: bigint }[]>`
    SELECT outcome FROM roost.write_messages(
      ${holder}, ${null}, ${over.array(["app"], "TEXT")}, ${over.array(["ann"], "TEXT")},
      ${over.array([null], "BIGINT")}, ${over.array([false], "BOOLEAN")}, ${over.array([dest], "TEXT")},
      ${over.array([null], "BIGINT")}, ${over.array([1], "INT")}, ${over.array(["hello"], "TEXT")},
      ${over.array([""], "TEXT")}, ${over.array([""], "TEXT")}, ${over.array([], "TEXT")},
      ${over.array([], "TEXT")}, ${over.array([], "TEXT")}, ${over.array([], "BIGINT")})`;
  const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;

  test("the tables are made as they were released", () => expectSameTables(db, 3));

  test("former memberships count as put by others: they keep no account from creating and joining", async () => {
    await formerChanges(db.sql, "former", [
      formerCreate("b1", "bob"),
      formerCreate("e1", "eve", "bob"),
      formerCreate("e2", "eve", "joe"),
      { kind: "join", group: "e2", actor: "bob", account: "bob" },
    ]);
    const store = await open({ groupsPerAccount: 2, groupsPutPerAccount: 3 });
    expect(await store.createGroup(draft({ id: "b2", owner: "bob" }))).toMatchObject({
      result: "created",
      leftOut: [],
    });
    const change = { app: "app", actor: "bob", account: "bob" };
    expect((await store.quit({ ...change, group: "e2" })).result).toBe("changed");
    expect((await store.join({ ...change, group: "e2" })).result).toBe("changed");
    expect(await store.createGroup(draft({ id: "b3", owner: "bob" }))).toEqual({ result: "full" });
    const members = ["bob"];
    expect(await store.createGroup(draft({ id: "e3", owner: "eve", members }))).toMatchObject({ leftOut: [] });
    expect(await store.createGroup(draft({ id: "e4", owner: "eve", members }))).toMatchObject({ leftOut: members });
    expect(await problems()).toEqual([]);
  });

  test("programs of schema 3 go on after the upgrade, beside those of this one, and are counted", async () => {
    const before = await formerChanges(db.sql, "former", [formerCreate("g1", "ann", "bob")]);
    const store = await open({ groupsPutPerAccount: 3 });
    const many = Array.from({ length: 300 }, (_, i) => `m${i}`);
    const after = await formerChanges(db.sql, "former", [
      formerCreate("g2", "ann", "bob", ...many),
      { kind: "join", group: "g2", actor: "joe", account: "joe" },
      { kind: "quit", group: "g1", actor: "bob", account: "bob" },
      { kind: "join", group: "no", actor: "bob", account: "bob" },
      formerCreate("g3", "ann", "bob"),
    ]);
    const version = expect.any(BigInt);
    expect([...before, ...after]).toEqual([
      [outcome.created, version, 0n],
      [outcome.created, version, 0n],
      [outcome.changed, version, version],
      [outcome.changed, version, version],
      [outcome.notFound, 0n, 0n],
      [outcome.created, version, 0n],
    ]);
    expect((await store.membership("app", "g2"))?.accounts).toEqual(["ann", "bob", ...many, "joe"]);
    expect(await store.createGroup(draft({ id: "g4", members: ["bob", "m0"] }))).toMatchObject({ leftOut: [] });
    expect(await store.createGroup(draft({ id: "g5", members: ["bob", "m0"] }))).toMatchObject({ leftOut: ["bob"] });
    expect([...(await formerTalk(db.sql, "former", "somebody new"))]).toEqual([{ outcome: outcome.stored }]);
    expect(stored((await store.append([talk({ dest: "somebody new" })]))[0]).madeAccount).toBe(false);
    expect(await problems()).toEqual([]);
  });

  test("a start makes triggers that were lost, and counts again what was changed without them", async () => {
    const store = await open();
    await store.createGroup(draft({ id: "g1", members: ["bob"] }));
    await store.createGroup(draft({ id: "g2", members: ["joe"] }));
    await store.close();
    await db.sql`DROP TRIGGER member_entered ON roost.member`;
    await formerChanges(db.sql, "former", [{ kind: "join", group: "g2", actor: "bob", account: "bob" }]);
    expect(await problems()).toEqual([expect.stringContaining("1 accounts with wrong group counts")]);
    const again = await open({ groupsPutPerAccount: 1, groupsPerAccount: 1 });
    expect(await problems()).toEqual([]);
    const bob = { app: "app", actor: "bob", account: "bob" };
    expect(await again.createGroup(draft({ id: "g3", owner: "eve", members: ["bob"] }))).toMatchObject({
      leftOut: ["bob"],
    });
    expect(await again.join({ ...bob, group: "g3" })).toEqual({ result: "full", limit: "groupsPerAccount" });
    expect(await problems()).toEqual([]);
  });

  test("programs of schema 3 that change groups during the upgrade are refused nothing, counted rightly", async () => {
    const end = new AbortController();
    let count = 0;
    const writers = Array.from({ length: 3 }, async (_, writer) => {
      const own = new SQL(db.url, { max: 1, bigint: true });
      for (let i = 0; !end.signal.aborted; i++) {
        const group = `g${writer}-${i}`;
        const change = { group, actor: "bob", account: "bob" };
        const [made, left, joined] = await formerChanges(own, `former-${writer}`, [
          formerCreate(group, "ann", "bob", "joe"),
          { kind: "quit", ...change },
          { kind: "join", ...change },
        ]);
        expect([made?.[0], left?.[0], joined?.[0]]).toEqual([outcome.created, outcome.changed, outcome.changed]);
        count++;
      }
      await own.close();
    });
    try {
      await until(() => count > 20, "groups are changed");
      const store = await open();
      await store.createGroup(draft({ id: "new", members: ["bob", "joe"] }));
      const upgraded = count;
      await until(() => count > upgraded + 30, "groups are changed");
    } finally {
      end.abort();
      await Promise.all(writers);
    }
    expect(await problems()).toEqual([]);
  }, 60_000);
});
