// A store of schema 2 is upgraded while its programs are at work: they go on until they are restarted.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { nodeOfId } from "../../src/store/snowflake.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";

const schema2 = readFileSync(join(import.meta.dir, "postgres-schema-2.sql"), "utf8");

describe.skipIf(!hasPostgres)("a PostgreSQL store of schema 2", () => {
  const db = databaseForEach(postgresForAll());
  const { open } = db;
  beforeEach(() => makeSchema(db.sql, 2, schema2));

  /** As a program of schema 2 does it. */
  const formerTalk = (over: SQL, holder: string, clientId: string) => over<{ id: bigint }[]>`
    SELECT id FROM roost.commit_messages(${holder}, ${over.array(["app"], "TEXT")}, ${over.array(["ann"], "TEXT")},
      ${over.array([null], "BIGINT")}, ${over.array([false], "BOOLEAN")}, ${over.array(["bob"], "TEXT")},
      ${over.array([null], "BIGINT")}, ${over.array([1], "INT")}, ${over.array(["hello"], "TEXT")},
      ${over.array([""], "TEXT")}, ${over.array([clientId], "TEXT")}, ${over.array([], "TEXT")},
      ${over.array([], "TEXT")}, ${over.array([], "TEXT")}, ${over.array([], "BIGINT")})`;

  test("the tables are made as they were released", () => expectSameTables(db, 2));

  test("programs of schema 2 go on after the upgrade, beside those of this one", async () => {
    const [before] = await formerTalk(db.sql, "former", "before");
    const store = await open();
    expect(await db.sql`SELECT max(number) AS number FROM roost.migration`).toEqual([{ number: schemaVersion }]);
    const [after] = await formerTalk(db.sql, "former", "after");
    expect(nodeOfId(after?.id ?? 0n)).toBe(nodeOfId(before?.id ?? 0n));
    const [renewal] = await db.sql`SELECT last_id, wall_ms FROM roost.renew(${"former"})`;
    expect(renewal).toEqual({ last_id: after?.id, wall_ms: expect.any(BigInt) });
    const changes = `[{"kind":"create","app":"app","group":"g1","name":"n","avatar":"","introduction":"","closed":false,
      "members":["ann","bob"]}]`;
    expect(await db.sql`SELECT FROM roost.change_groups(${"former"}, ${changes}::text::json)`).toHaveLength(1);
    await until(
      async () => (await db.sql`SELECT FROM roost.look WHERE turn > 0`).count === 1,
      "the clock is looked at",
    );
    const [look]: { turn: bigint }[] = await db.sql`SELECT turn FROM roost.look`;
    expect(
      await db.sql`SELECT roost.save_look(${(look?.turn ?? 0n) - 1n}, ${0}, ${0}, ${0}, ${0}, ${"[]"}::text::json,
        ${"[]"}::text::json) AS is_saved`,
    ).toEqual([{ is_saved: false }]);
    expect(await db.sql`SELECT roost.purge_slice(${0n}, ${2_000}) AS next`).toEqual([{ next: null }]);
    expect(
      await db.sql`SELECT next_id, messages, is_busy FROM roost.delete_slice(${0n}, ${before?.id ?? 0n}, ${2_000})`,
    ).toEqual([{ next_id: null, messages: 1n, is_busy: false }]);
    const { messageId } = stored((await store.append([talk()]))[0]);
    const query = { app: "app", account: "bob", device: "", after: 0n, includeSent: false, limit: 10 };
    expect((await store.index(query)).map((entry) => entry.messageId)).toEqual([after?.id ?? 0n, messageId]);
    expect((await store.membership("app", "g1"))?.accounts).toEqual(["ann", "bob"]);
  });

  test("a program of schema 2 that writes all the time is refused nothing by the upgrade", async () => {
    const end = new AbortController();
    let count = 0;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      const own = new SQL(db.url, { max: 1, bigint: true });
      while (!end.signal.aborted) {
        await formerTalk(own, `former-${writer}`, "");
        count++;
      }
      await own.close();
    });
    try {
      await until(() => count > 50, "messages are written");
      await open();
      const upgraded = count;
      await until(() => count > upgraded + 50, "messages are written");
    } finally {
      end.abort();
      await Promise.all(writers);
    }
  });
});
