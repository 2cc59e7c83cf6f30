// A store of schema 9 is upgraded while its programs are at work: they go on until they are restarted, and do not know
// that the last id of each node is kept.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { nodeNumbers, nodeOfId } from "../../src/store/snowflake.ts";
import { canDump, dumpOf, play } from "./postgres-dumps.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";
import { say } from "./replaced-store.ts";

const schema9 = readFileSync(join(import.meta.dir, "postgres-schema-9.sql"), "utf8");

describe.skipIf(!canDump)("a PostgreSQL store of schema 9", () => {
  const db = databaseForEach(postgresForAll());
  beforeEach(() => makeSchema(db.sql, 9, schema9));

  /** As a program of schema 9 does it; returns the id. */
  const formerRevoke = async (beforeMs: number): Promise<bigint> => {
    await db.sql`SELECT roost.revoke('former', null, 'app', 'ann', 'revoke', null, ${beforeMs}, 9)`;
    const [row]: { id: bigint }[] = await db.sql`SELECT last_id AS id FROM roost.sequence`;
    return row?.id ?? 0n;
  };
  const lastIds = async (): Promise<unknown> =>
    db.sql`SELECT number, last_id FROM roost.node_last WHERE last_id > 0 ORDER BY number`.values();

  test("the tables are made as they were", () => expectSameTables(db, 9));

  test("programs of schema 9 go on after the upgrade; the last id of each node is kept from then on", async () => {
    await formerRevoke(1_000);
    const store = await db.open();
    expect(await db.sql`SELECT max(number) AS number FROM roost.migration`).toEqual([{ number: schemaVersion }]);
    expect(await db.number("SELECT count(*) FROM roost.node_last")).toBe(nodeNumbers);
    expect(await lastIds()).toEqual([]);
    const former = await formerRevoke(2_000);
    const id = await say(store, { sender: "ann", dest: "bob" });
    expect(await lastIds()).toEqual([
      [nodeOfId(former), former],
      [nodeOfId(id), id],
    ]);
    expect(nodeOfId(id)).not.toBe(nodeOfId(former));
    expect((await checkPostgres(db.url, () => undefined)).problems).toEqual([]);
  });

  test("is upgraded when it is restored under a running program", async () => {
    await formerRevoke(1_000);
    const dump = await dumpOf(db.url);
    const store = await db.open();
    await db.sql.unsafe("DROP SCHEMA roost CASCADE");
    await play(db.url, dump);
    const id = await say(store, { sender: "ann", dest: "bob", body: "after it" });
    expect(await db.number("SELECT max(number) FROM roost.migration")).toBe(schemaVersion);
    expect(await lastIds()).toEqual([[nodeOfId(id), id]]);
  }, 60_000);
});
