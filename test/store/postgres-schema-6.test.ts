// A store of schema 6 is upgraded while its programs are at work: they go on until they are restarted, and do not say
// which conversations they know to have begun.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { outcome } from "../../src/store/jobs.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { until } from "../../scripts/harness/until.ts";
import { changed, ConversationAsks } from "./conversation-asks.ts";
import { OpenedStore } from "./opened-store.ts";
import { canDump, dumpOf, play } from "./postgres-dumps.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";
import { say } from "./replaced-store.ts";

const schema6 = readFileSync(join(import.meta.dir, "postgres-schema-6.sql"), "utf8");

interface FormerRow {
  readonly outcome: bigint;
  readonly id: bigint;
  readonly previous_id: bigint;
}

describe.skipIf(!canDump)("a PostgreSQL store of schema 6", () => {
  const db = databaseForEach(postgresForAll());
  const opened = new OpenedStore();
  const asks = new ConversationAsks(opened);
  beforeEach(() => makeSchema(db.sql, 6, schema6));

  /** As a program of schema 6 does it. */
  const formerTalk = async (
    over: SQL,
    { sender = "ann", dest = "bob", key = "", mentions = "", replyTo = 0n } = {},
  ): Promise<FormerRow> => {
    const isLinked = mentions !== "" || replyTo !== 0n;
    const [row] = await over<FormerRow[]>`
      SELECT outcome, id, previous_id FROM roost.append_messages(
        'former', null, ${over.array(["app"], "TEXT")}, ${over.array([sender], "TEXT")},
        ${over.array([null], "BIGINT")}, ${over.array([false], "BOOLEAN")}, ${over.array([dest], "TEXT")},
        ${over.array([null], "BIGINT")}, ${over.array([false], "BOOLEAN")}, ${over.array([1], "INT")},
        ${over.array(["hello"], "TEXT")}, ${over.array([""], "TEXT")}, ${over.array([key], "TEXT")},
        ${over.array(isLinked ? [1] : [], "INT")}, ${over.array(isLinked ? [mentions] : [], "TEXT")},
        ${over.array(isLinked ? [replyTo] : [], "BIGINT")},
        ${over.array([], "TEXT")}, ${over.array([], "TEXT")}, ${over.array([], "TEXT")}, ${over.array([], "BIGINT")})`;
    if (row === undefined) throw new Error("a talk has a row");
    return row;
  };
  const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;

  test("the tables are made as they were", () => expectSameTables(db, 6));

  test("programs of schema 6 go on after the upgrade, beside those of this one", async () => {
    const before = await formerTalk(db.sql, { key: "k" });
    expect(before.outcome).toBe(outcome.storedForNew);
    opened.store = await db.open();
    expect(await db.sql`SELECT max(number) AS number FROM roost.migration`).toEqual([{ number: schemaVersion }]);
    expect(await asks.names("bob")).toEqual(["ann"]);
    expect(await formerTalk(db.sql, { key: "k" })).toMatchObject({ outcome: outcome.repeated, id: before.id });
    const after = await formerTalk(db.sql, { mentions: "bob", replyTo: before.id });
    expect(after).toMatchObject({ outcome: outcome.stored, previous_id: before.id });
    expect((await formerTalk(db.sql, { mentions: "eve" })).outcome).toBe(outcome.mentionOfStranger);
    await formerTalk(db.sql, { sender: "eve", dest: "zoe" });
    expect(await asks.names("zoe")).toEqual(["eve"]);
    expect(await asks.names("eve")).toEqual(["zoe"]);
    const own = await asks.send("zoe", "eve");
    expect(await asks.page("eve", "zoe")).toMatchObject([[expect.any(BigInt), own], false, false]);
    changed(await asks.edit("zoe", own));
    expect(await problems()).toEqual([]);
  });

  test("a program of schema 6 that writes all the time is refused nothing by the upgrade", async () => {
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

  test("a dump of it that is restored under a running program is upgraded, and begins its conversations", async () => {
    const dump = await dumpOf(db.url);
    const store = await db.open();
    opened.store = store;
    for (let round = 0; round < 2; round++) await say(store, { sender: "ann", dest: "bob" });
    expect(await asks.names("bob")).toEqual(["ann"]);
    await db.sql.unsafe("DROP SCHEMA roost CASCADE");
    await play(db.url, dump);
    const id = await say(store, { sender: "ann", dest: "bob", body: "after it" });
    expect(await db.number("SELECT max(number) FROM roost.migration")).toBe(schemaVersion);
    expect(await asks.page("bob", "ann")).toEqual([[id], false, false]);
    expect(await asks.names("bob")).toEqual(["ann"]);
    expect(await problems()).toEqual([]);
  }, 60_000);
});
