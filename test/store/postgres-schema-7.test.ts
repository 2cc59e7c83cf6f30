// A store of schema 7 is upgraded while its programs are at work: they go on until they are restarted, and know neither
// blocks, mutes and roles nor entries of groups.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { entryKind } from "../../src/store/conversations.ts";
import { outcome } from "../../src/store/jobs.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { until } from "../../scripts/harness/until.ts";
import { changed, ConversationAsks } from "./conversation-asks.ts";
import { entryOf, GroupAsks } from "./group-asks.ts";
import { OpenedStore } from "./opened-store.ts";
import { canDump, dumpOf, play } from "./postgres-dumps.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";
import { say } from "./replaced-store.ts";
import { draft, ofTest } from "./samples.ts";

const schema7 = readFileSync(join(import.meta.dir, "postgres-schema-7.sql"), "utf8");
const { app } = ofTest;

describe.skipIf(!canDump)("a PostgreSQL store of schema 7", () => {
  const db = databaseForEach(postgresForAll());
  const opened = new OpenedStore();
  const asks = new ConversationAsks(opened);
  const groupAsks = new GroupAsks(opened);
  beforeEach(() => makeSchema(db.sql, 7, schema7));

  /** As a program of schema 7 does it: the outcome, and its first two numbers. */
  const formerChange = async (over: SQL, change: object): Promise<readonly bigint[]> => {
    const [row = []]: bigint[][] = await over`
      SELECT outcome, number_1, number_2 FROM roost.change_memberships(
        'former', null, ${JSON.stringify([{ app, group: "g1", ...change }])}::text::json, 99, 99, 99)`.values();
    return row;
  };
  const create = (over: SQL, members: readonly string[], group = "g1") => {
    const texts = { name: "n", avatar: "", introduction: "", closed: false };
    return formerChange(over, { kind: "create", group, members, isWhole: true, ...texts });
  };
  const join1 = (over: SQL, account: string, actor = account) => formerChange(over, { kind: "join", account, actor });
  const quit1 = (over: SQL, account: string, actor = account) => formerChange(over, { kind: "quit", account, actor });
  const formerTalk = async (over: SQL, sender: string, dest: string, toGroup = false): Promise<readonly bigint[]> => {
    const [row = []]: bigint[][] = await over`
      SELECT outcome, id, previous_entry_id FROM roost.append_batch(
        'former', null, ${over.array([app], "TEXT")}, ${over.array([sender], "TEXT")},
        ${over.array([null], "BIGINT")}, ${over.array([toGroup], "BOOLEAN")}, ${over.array([dest], "TEXT")},
        ${over.array([null], "BIGINT")}, ${over.array([false], "BOOLEAN")}, ${over.array([1], "INT")},
        ${over.array(["hello"], "TEXT")}, ${over.array([""], "TEXT")}, ${over.array([""], "TEXT")},
        ${over.array([1], "INT")}, ${over.array([], "INT")}, ${over.array([], "TEXT")}, ${over.array([], "BIGINT")},
        ${over.array([], "TEXT")}, ${over.array([], "TEXT")}, ${over.array([], "TEXT")}, ${over.array([], "BIGINT")}
      )`.values();
    return row;
  };
  const formerEdit = async (over: SQL, actor: string, messageId: bigint): Promise<string> => {
    const change = {
      kind: "edit",
      app,
      actor,
      messageId: `${messageId}`,
      body: "b",
      extra: "",
      clientId: "",
      windowMs: 9e6,
    };
    const [row] = await over<{ answer: string }[]>`
      SELECT answer FROM roost.change_conversations('former', null, ${JSON.stringify([change])}::text::json)`;
    return String(Object(JSON.parse(row?.answer ?? "{}")).result);
  };
  const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;
  const kinds = async (account: string): Promise<readonly number[]> =>
    (await asks.log(account, { includeSent: true })).entries.map(({ kind }) => kind);

  test("the tables are made as they were", () => expectSameTables(db, 7));

  test("what a filled store has is there after the upgrade, and its groups can be run", async () => {
    await create(db.sql, ["ann", "bob", "eve"]);
    await join1(db.sql, "joe");
    await quit1(db.sql, "eve", "ann");
    const [, inGroup = 0n] = await formerTalk(db.sql, "bob", "g1", true);
    const [, direct = 0n] = await formerTalk(db.sql, "bob", "ann");
    expect(await formerEdit(db.sql, "bob", direct)).toBe("stored");
    opened.store = await db.open();
    expect(await db.sql`SELECT max(number) AS number FROM roost.migration`).toEqual([{ number: schemaVersion }]);
    expect(await groupAsks.names("joe")).toEqual(["ann", "bob", "joe"]);
    expect(await groupAsks.members("bob")).toMatchObject({ group: { role: "member", memberCount: 3 } });
    // A retry of the creation is told its time, although it has no entry.
    const again = await opened.store.createGroup(draft());
    expect(again).toMatchObject({ result: "created", time: expect.any(BigInt) });
    await groupAsks.admin("bob");
    expect(entryOf(await groupAsks.pin("bob", "@g1", inGroup)).previousEntryId).toBeGreaterThan(0n);
    expect(await groupAsks.pinned("joe", "@g1")).toEqual([inGroup]);
    expect((await groupAsks.block("ann", "bob")).result).toBe("stored");
    expect((await asks.sent("bob", "ann", {})).result).toBe("unwilling");
    expect(await problems()).toEqual([]);
  });

  test("programs of schema 7 go on after the upgrade, beside those of this one", async () => {
    expect((await create(db.sql, ["ann", "bob"]))[0]).toBe(outcome.created);
    opened.store = await db.open();
    const [result, before = 0n, version = 0n] = await join1(db.sql, "eve");
    expect([result, version > before]).toEqual([outcome.changed, true]);
    expect((await join1(db.sql, "eve"))[0]).toBe(outcome.unchanged);
    expect((await create(db.sql, ["eve", "ann"], "g2"))[0]).toBe(outcome.created);
    // What they change is an entry, too.
    expect(await kinds("eve")).toEqual([entryKind.groupJoined, entryKind.groupCreated]);
    await groupAsks.change("ann", { kind: "update", hasApproval: true });
    expect((await join1(db.sql, "joe"))[0]).toBe(outcome.forbidden);
    await groupAsks.change("ann", { kind: "update", isClosed: true });
    expect((await join1(db.sql, "joe"))[0]).toBe(outcome.forbidden);
    await groupAsks.people.setConsent({ app, account: "kim", add: "nobody" });
    expect((await join1(db.sql, "kim", "ann"))[0]).toBe(outcome.forbidden);
    expect((await join1(db.sql, "joe", "ann"))[0]).toBe(outcome.changed);
    const last = entryOf(await groupAsks.change("ann", { kind: "update", isForAdmins: true }));
    expect((await formerTalk(db.sql, "bob", "g1", true))[0]).toBe(outcome.forbidden);
    const [stored, id = 0n, previous] = await formerTalk(db.sql, "ann", "g1", true);
    expect([stored, previous]).toEqual([outcome.stored, last.entry.entryId]);
    expect(await formerEdit(db.sql, "ann", id)).toBe("stored");
    expect((await quit1(db.sql, "ann"))[0]).toBe(outcome.changed);
    expect(await groupAsks.members("bob")).toMatchObject({ group: { owner: "bob" } });
    expect(await problems()).toEqual([]);
  });

  test("programs of schema 7 that change groups and write are refused nothing by the upgrade", async () => {
    await create(db.sql, ["ann", "bob"]);
    const end = new AbortController();
    let count = 0;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      const own = new SQL(db.url, { max: 1, bigint: true });
      for (let i = 0; !end.signal.aborted; i++) {
        const account = `w${writer}`;
        expect((await join1(own, account))[0]).toBe(outcome.changed);
        expect((await formerTalk(own, account, "g1", true))[0]).toBe(outcome.stored);
        await formerTalk(own, account, `p${i % 50}`);
        expect((await quit1(own, account))[0]).toBe(outcome.changed);
        count++;
      }
      await own.close();
    });
    try {
      await until(() => count > 20, "groups are changed");
      await db.open();
      const upgraded = count;
      await until(() => count > upgraded + 20, "groups are changed");
    } finally {
      end.abort();
      await Promise.all(writers);
    }
    expect(await problems()).toEqual([]);
  }, 60_000);

  test("a dump of it that is restored under a running program is upgraded", async () => {
    await create(db.sql, ["ann", "bob"]);
    const dump = await dumpOf(db.url);
    const store = await db.open();
    opened.store = store;
    await groupAsks.change("ann", { kind: "update", name: "new" });
    await db.sql.unsafe("DROP SCHEMA roost CASCADE");
    await play(db.url, dump);
    await say(store, { sender: "ann", dest: "bob", body: "after it" });
    expect(await db.number("SELECT max(number) FROM roost.migration")).toBe(schemaVersion);
    expect(await groupAsks.members("bob")).toMatchObject({ group: { name: "n" } });
    changed(await asks.edit("ann", await asks.send("ann", "bob")));
    expect(await problems()).toEqual([]);
  }, 60_000);
});
