// A store of schema 5 is upgraded while its programs are at work: they go on until they are restarted. Conversations
// of before, and what these programs say after, are conversations like all others.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { createLog } from "../../src/base/log.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { outcome } from "../../src/store/jobs.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { changed, ConversationAsks } from "./conversation-asks.ts";
import { OpenedStore } from "./opened-store.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";

const schema5 = readFileSync(join(import.meta.dir, "postgres-schema-5.sql"), "utf8");

interface FormerRow {
  readonly outcome: bigint;
  readonly id: bigint;
}

describe.skipIf(!hasPostgres)("a PostgreSQL store of schema 5", () => {
  const db = databaseForEach(postgresForAll());
  const opened = new OpenedStore();
  const asks = new ConversationAsks(opened);
  beforeEach(() => makeSchema(db.sql, 5, schema5));

  /** As a program of schema 5 does it. */
  const formerTalk = async (
    over: SQL,
    { sender = "ann", dest = "bob", body = "hello", key = "", toGroup = false } = {},
  ): Promise<FormerRow> => {
    const [row] = await over<FormerRow[]>`
      SELECT outcome, id FROM roost.store_messages(
        'former', null, ${over.array(["app"], "TEXT")}, ${over.array([sender], "TEXT")},
        ${over.array([null], "BIGINT")}, ${over.array([toGroup], "BOOLEAN")}, ${over.array([dest], "TEXT")},
        ${over.array([null], "BIGINT")}, ${over.array([false], "BOOLEAN")}, ${over.array([1], "INT")},
        ${over.array([body], "TEXT")}, ${over.array([""], "TEXT")}, ${over.array([key], "TEXT")},
        ${over.array([], "TEXT")}, ${over.array([], "TEXT")}, ${over.array([], "TEXT")}, ${over.array([], "BIGINT")})`;
    if (row === undefined) throw new Error("a talk has a row");
    return row;
  };
  const formerGroup = async (group: string, ...members: readonly string[]): Promise<void> => {
    const draft = { kind: "create", app: "app", group, name: "n", avatar: "", introduction: "", closed: false };
    const changes = JSON.stringify([{ ...draft, members, isWhole: true }]);
    await db.sql`SELECT * FROM roost.change_memberships('former', null, ${changes}::text::json, 99, 99, 99)`;
  };
  const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;

  test("the tables are made as they were released", () => expectSameTables(db, 5));

  test("an upgrade says its begin, how far it is, and its end", async () => {
    await formerTalk(db.sql);
    await db.sql`ANALYZE roost.message`;
    const lines: string[] = [];
    const blocker = new SQL(db.url, { max: 1 });
    const held = Promise.withResolvers<void>();
    const blocking = blocker.begin(async (sql) => {
      await sql`SELECT pg_advisory_xact_lock(hashtextextended('roost.migrate', 0))`;
      await held.promise;
    });
    const log = createLog("info", "text", (line) => lines.push(line));
    const migrating = migrate(db.url, log, 20);
    try {
      await until(() => lines.some((line) => line.includes("still being migrated")), "it waits for another process");
    } finally {
      held.resolve();
    }
    await blocking;
    await migrating;
    await blocker.close();
    expect(lines[0]).toMatch(/Migrating the message store; writers wait .*from=5 .*messages=1 secondsAtMost=1/);
    expect(lines.at(-1)).toMatch(/The message store is migrated\..* schema=\d+ seconds=\d+/);
    expect(lines.some((line) => line.includes("password"))).toBe(false);
    // A current store is opened without a word.
    lines.length = 0;
    await migrate(db.url, log, 20);
    expect(lines).toEqual([]);
  }, 60_000);

  test("conversations of before the upgrade are listed, read and changed", async () => {
    const direct = await formerTalk(db.sql);
    const toSelf = await formerTalk(db.sql, { sender: "joe", dest: "joe" });
    await formerGroup("g1", "ann", "bob");
    const inGroup = await formerTalk(db.sql, { dest: "g1", toGroup: true });
    opened.store = await db.open();
    expect(await asks.names("bob")).toEqual(["@g1", "ann"]);
    expect(await asks.names("joe")).toEqual(["joe"]);
    expect(await asks.page("ann", "bob")).toEqual([[direct.id], false, false]);
    expect(await asks.page("bob", "@g1")).toEqual([[inGroup.id], false, false]);
    expect((await asks.set("bob", "ann", { isPinned: true })).result).toBe("stored");
    changed(await asks.edit("ann", direct.id));
    changed(await asks.recall("joe", toSelf.id));
    expect(await asks.read("bob", "ann", direct.id)).toBe("moved");
    expect((await asks.sent("bob", "ann", { replyTo: direct.id })).result).toBe("stored");
    expect(await problems()).toEqual([]);
  });

  test("programs of schema 5 go on after the upgrade, beside those of this one", async () => {
    const before = await formerTalk(db.sql, { key: "k" });
    opened.store = await db.open();
    expect(await formerTalk(db.sql, { key: "k" })).toMatchObject({ id: before.id });
    changed(await asks.edit("ann", before.id));
    expect(await formerTalk(db.sql, { key: "k" })).toMatchObject({ id: before.id });
    expect((await formerTalk(db.sql, { key: "k", dest: "joe" })).outcome).toBe(outcome.conflict);
    const after = await formerTalk(db.sql, { sender: "eve", dest: "zoe" });
    expect(after.outcome).toBe(outcome.storedForNew);
    expect(await asks.names("zoe")).toEqual(["eve"]);
    expect((await asks.set("eve", "zoe", { isMuted: true })).result).toBe("stored");
    changed(await asks.react("zoe", after.id));
    await asks.hide("zoe", after.id);
    expect(await problems()).toEqual([]);
    const slice = await db.sql<{ messages: bigint }[]>`
      SELECT messages FROM roost.delete_slice(0, ${after.id}, 100, null)`;
    expect(slice[0]?.messages).toBe(2n);
    expect(await db.number("SELECT count(*) FROM roost.entry")).toBe(0);
    expect(await problems()).toEqual([]);
  });

  test("a program of schema 5 that writes all the time is refused nothing by the upgrade", async () => {
    const end = new AbortController();
    let count = 0;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      const own = new SQL(db.url, { max: 1, bigint: true });
      for (let i = 0; !end.signal.aborted; i++) {
        await formerTalk(own, { sender: `w${writer}`, dest: `p${i % 50}` });
        count++;
      }
      await own.close();
    });
    try {
      await until(() => count > 50, "messages are written");
      await db.open();
      const upgraded = count;
      await until(() => count > upgraded + 50, "messages are written");
    } finally {
      end.abort();
      await Promise.all(writers);
    }
    expect(await problems()).toEqual([]);
  }, 60_000);
});
