// What is asked of the reader's thread in one request: others' reads wait for it.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { watchAccountsMax, watchLooksMax } from "../../src/base/limits/fixed.ts";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { allowedOf } from "./allowed-of.ts";

const groups = 1_000;
const numbers = (from: number, to: number): string =>
  `WITH RECURSIVE n (value) AS (SELECT ${from} UNION ALL SELECT value + 1 FROM n WHERE value < ${to})
   SELECT value FROM n`;
const path = temporaryPaths("people-slices-")();

test("whom one may watch is decided in parts where all are in many groups, and at once where few are", async () => {
  const store = await openSqliteStore({ path, retentionDays: 0, log: silentLog });
  {
    using db = new Database(path);
    db.run(`
      INSERT INTO account (number, app, name)
        SELECT value + 1, 'app', 'w' || value FROM (${numbers(0, watchAccountsMax)});
      INSERT INTO account (number, app, name) VALUES (900, 'app', 'few'), (901, 'app', 'former');
      INSERT INTO "group" (
          number, app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
        SELECT value, 'app', 'large' || value, '', '', '', 1, 0, 0, 1, 201 FROM (${numbers(1, groups)})
        UNION ALL SELECT 5000, 'app', 'small', '', '', '', 1, 0, 0, 1, 3;
      INSERT INTO member ("group", account, from_id, joined_ms)
        SELECT g.number, a.number, 1, 0 FROM "group" g, account a WHERE g.number < 5000 AND a.name LIKE 'w%';
      INSERT INTO member ("group", account, from_id, joined_ms)
        VALUES (5000, 1, 1, 0), (5000, 6, 1, 0), (5000, 900, 1, 0);
      INSERT INTO member ("group", account, from_id, until_id, joined_ms)
        SELECT 5000, 901, value, value, 0 FROM (${numbers(1, 5_000)});`);
  }
  const names = Array.from({ length: watchAccountsMax }, (_, at) => `w${at + 1}`);
  const part = await store.people.watchable("app", "w0", names);
  expect(part.looked).toBeGreaterThanOrEqual(watchLooksMax);
  expect(part.looked).toBeLessThan(watchLooksMax + 2 * groups);
  expect(part.decided).toBe(Math.ceil(watchLooksMax / (groups + 1)));
  expect(await allowedOf(store.people, "w0", ["few", ...names, "w0"])).toEqual(["few", "w5", "w0"]);
  // Who is in few groups, or whom it asks for, costs little.
  const of = async (asker: string, others: readonly string[]) => {
    const { allowed, decided, looked } = await store.people.watchable("app", asker, others);
    return { allowed, decided, looked };
  };
  expect(await of("few", names)).toEqual({ allowed: ["w5"], decided: names.length, looked: names.length });
  expect(await of("w0", ["few", "nobody"])).toEqual({ allowed: ["few"], decided: 2, looked: 1 });
  // What an account has left counts, as it is read.
  expect(await of("former", ["w0", "few"])).toEqual({ allowed: [], decided: 2, looked: groups + 2 });
  await store.close();
}, 30_000);
