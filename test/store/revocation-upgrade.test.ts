// Stores of the schemas before kicks and revocations are upgraded, also while one of them is put in the place of the
// open one.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { SQL } from "bun";
import { silentLog } from "../../src/base/log.ts";
import { checkPostgres } from "../../src/store/postgres/check.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { backToSchema5, postgresSchema4 } from "../support/former-schema.ts";
import { contentsOf } from "../support/contents.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { postgresForAll } from "./postgres-setup.ts";

const revocation = { app: "app", account: "ann", kind: "revoke", device: undefined, beforeMs: 1_000 } as const;

describe("a SQLite store of schema 5", () => {
  const folder = temporaryFolder("schema-5-");
  const open = (path: string) => openSqliteStore({ path, retentionDays: 0, log: silentLog });

  test("is upgraded, with its messages", async () => {
    const path = join(folder, "old.db");
    const former = await open(path);
    const { messageId } = stored((await former.append([talk()]))[0]);
    await former.close();
    const db = new Database(path);
    backToSchema5(db);
    db.close();
    const store = await open(path);
    expect(await contentsOf(store, "app", "bob", [messageId])).toHaveLength(1);
    expect(await store.revoke(revocation)).toMatchObject({ result: "stored" });
    expect(await store.revocations(0n, 9)).toMatchObject([revocation]);
    await store.close();
    expect(checkStore(path, () => undefined).logProblems).toEqual([]);
  });

  test("is upgraded that was put in the place of the open one", async () => {
    const path = join(folder, "replaced.db");
    const store = await open(path);
    const db = new Database(path);
    db.run("PRAGMA busy_timeout = 5000");
    backToSchema5(db);
    db.close();
    await until(async () => {
      const outcome = await store.revoke(revocation).catch(() => undefined);
      return outcome?.result === "stored";
    }, "the store is brought up to date");
    await store.close();
  });
});

describe.skipIf(!hasPostgres)("a PostgreSQL store of schema 4", () => {
  const server = postgresForAll();
  const open = (url: string) => openPostgresStore({ url, retentionDays: 0, log: silentLog });

  test("is upgraded, with its messages", async () => {
    const url = await server().makeDatabase();
    const former = await open(url);
    const { messageId } = stored((await former.append([talk()]))[0]);
    await former.close();
    const sql = new SQL(url, { max: 1 });
    await sql.unsafe(postgresSchema4);
    await sql.close();
    const store = await open(url);
    expect(await contentsOf(store, "app", "bob", [messageId])).toHaveLength(1);
    expect(await store.revoke(revocation)).toMatchObject({ result: "stored" });
    expect(await store.revocations(0n, 9)).toMatchObject([revocation]);
    await store.close();
    expect((await checkPostgres(url, () => undefined)).problems).toEqual([]);
  });
});
