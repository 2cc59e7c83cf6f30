// A store of schema 10 is upgraded while its programs are at work: its functions import neither pinned messages nor
// invitations, requests to join and mutes.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import type { DataRecord } from "../../src/store/data-records.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { canDump } from "./postgres-dumps.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";

const schema10 = readFileSync(join(import.meta.dir, "postgres-schema-10.sql"), "utf8");

describe.skipIf(!canDump)("a PostgreSQL store of schema 10", () => {
  const db = databaseForEach(postgresForAll());
  beforeEach(() => makeSchema(db.sql, 10, schema10));

  test("the tables are made as they were", () => expectSameTables(db, 10));

  test("imports what an export has now after the upgrade", async () => {
    const store = await db.open();
    expect(await db.sql`SELECT max(number) AS number FROM roost.migration`).toEqual([{ number: schemaVersion }]);
    const { data } = store.backEnd;
    const records: DataRecord[] = [
      { group: { id: "g1", owner: "ann" } },
      { member: { group: "g1", account: "ann", role: "owner" } },
      { member: { group: "g1", account: "bob", mutedUntil: 4_000_000_000 } },
      { message: { messageId: "10", sender: "ann", group: "g1", sendTime: "5", body: "b" } },
      { pin: { account: "ann", messageId: "10" } },
      { invitation: { group: "g1", code: "c", account: "ann", expiresAt: 4_000_000_000, usesLeft: 0 } },
    ];
    const page = { app: "app", name: "copy", cursor: "", records, isLast: true };
    expect(await data.import(page)).toMatchObject({ result: "stored", stored: records.length });
    const member = { app: "app", group: "g1", actor: "ann" };
    expect(await store.groups.invitations(member)).toMatchObject({ items: [{ code: "c" }] });
    expect(await db.number("SELECT count(*) FROM roost.pin")).toBe(1);
    expect(await db.number("SELECT count(*) FROM roost.member WHERE muted_until > 0")).toBe(1);
    expect((await checkPostgres(db.url, () => undefined)).problems).toEqual([]);
  });

  test("programs of schema 10 go on importing after the upgrade", async () => {
    await db.open();
    const message = { messageId: "10", sender: "ann", account: "bob", sendTime: "5", body: "b" };
    const records = JSON.stringify([{ message }]);
    const [row]: { outcome: string }[] = await db.sql`
      SELECT roost.import_page('former', roost.life(), 'app', 'copy', '', ${records}::text::json, true)::text
        AS outcome`;
    expect(JSON.parse(row?.outcome ?? "")).toMatchObject({ result: "stored", stored: 1 });
  });
});
