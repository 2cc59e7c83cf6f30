// A store of schema 8 is upgraded while its programs are at work: they go on until they are restarted, and know neither
// keys of the API nor bans.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { banMsMax } from "../../src/base/limits/fixed.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { canDump, dumpOf, play } from "./postgres-dumps.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";
import { say } from "./replaced-store.ts";

const schema8 = readFileSync(join(import.meta.dir, "postgres-schema-8.sql"), "utf8");
const ann = { app: "app", account: "ann" };
const draft = { id: "0123", hash: "0123", app: "*", scopes: ["*"], name: "ops" };

describe.skipIf(!canDump)("a PostgreSQL store of schema 8", () => {
  const db = databaseForEach(postgresForAll());
  beforeEach(() => makeSchema(db.sql, 8, schema8));

  /** As a program of schema 8 does it. */
  const formerRevoke = async (beforeMs: number): Promise<void> => {
    await db.sql`SELECT roost.revoke('former', null, 'app', 'ann', 'revoke', null, ${beforeMs}, 9)`;
  };
  const problems = async (): Promise<readonly string[]> => (await checkPostgres(db.url, () => undefined)).problems;

  test("the tables are made as they were", () => expectSameTables(db, 8));

  test("keeps its revocations, and bans and keys from then on; its programs leave bans as they are", async () => {
    await formerRevoke(1_000);
    const store = await db.open();
    expect(await db.sql`SELECT max(number) AS number FROM roost.migration`).toEqual([{ number: schemaVersion }]);
    expect(await store.revocations(0n, 9)).toMatchObject([{ ...ann, kind: "revoke", beforeMs: 1_000 }]);
    await store.ban({ ...ann, beforeMs: 2_000, untilMs: banMsMax });
    await formerRevoke(3_000);
    expect(await store.revocations(0n, 9)).toMatchObject([{ ...ann, beforeMs: 3_000, untilMs: banMsMax }]);
    expect(await store.backEnd.keys.create(draft)).toMatchObject({ result: "stored", key: draft });
    expect(await problems()).toEqual([]);
  });

  test("gets indexes that were added to schema 8 late, where it lacks them", async () => {
    await db.sql.unsafe("DROP INDEX roost.entry_client, roost.member_ended");
    await db.open();
    expect(await db.number("SELECT count(*) FROM pg_indexes WHERE indexname IN ('entry_client', 'member_ended')")).toBe(
      2,
    );
  });

  test("is upgraded when it is restored under a running program", async () => {
    await formerRevoke(1_000);
    const dump = await dumpOf(db.url);
    const store = await db.open();
    await store.backEnd.keys.create(draft);
    await db.sql.unsafe("DROP SCHEMA roost CASCADE");
    await play(db.url, dump);
    await say(store, { sender: "ann", dest: "bob", body: "after it" });
    expect(await db.number("SELECT max(number) FROM roost.migration")).toBe(schemaVersion);
    expect(await store.backEnd.keys.after(0n, 9)).toEqual([]);
    expect(await store.revocations(0n, 9)).toMatchObject([{ ...ann, beforeMs: 1_000 }]);
  }, 60_000);
});
