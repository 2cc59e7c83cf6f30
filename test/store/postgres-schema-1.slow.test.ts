// A store of schema 1 is upgraded while its programs are at work: they go on until they are restarted.

import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { createLog } from "../../src/base/log.ts";
import { horizonDayMs as dayMs } from "../../src/store/horizon.ts";
import { openPostgresPurge } from "../../src/store/postgres/purge-tool.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { nodeOfId, smallestIdAt, timeOfId } from "../../src/store/snowflake.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { failureOf } from "./failure-of.ts";
import { say, shownTo } from "./said-and-shown.ts";
import { databaseForEach, expectSameTables, makeSchema, postgresForAll } from "./postgres-setup.ts";

const minuteMs = 60_000;
const hourMs = 3_600_000;
const yearMs = 365 * dayMs;

describe.skipIf(!hasPostgres)("a PostgreSQL store of schema 1", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const { open, number } = db;
  const messages = (): Promise<number> => number("SELECT count(*) FROM roost.message");
  const schema1 = readFileSync(join(import.meta.dir, "postgres-schema-1.sql"), "utf8");
  const formerTalk = (wallMs: number, clientId: string) => db.sql<{ id: bigint; sent_ns: bigint }[]>`
    SELECT id, sent_ns FROM roost.commit_messages('former', ${wallMs}, '{app}', '{ann}', '{null}', '{false}', '{bob}',
      '{null}', '{1}', '{hello}', '{""}', ${db.sql.array([clientId], "TEXT")}, '{}', '{}', '{}', '{}')`;
  beforeEach(() => makeSchema(db.sql, 1, schema1));

  test("the tables are made as they were released", () => expectSameTables(db, 1));

  test("its messages, keys and groups are served, and what exceeds the retention goes after a day", async () => {
    await db.sql`SELECT FROM roost.change_groups('former', ${Date.now()}, ${`[{"kind":"create","app":"app","group":"g1",
      "name":"n","avatar":"","introduction":"","closed":false,"members":["ann","bob"]}]`}::text::json)`;
    const [former] = await formerTalk(Date.now(), "k");
    for (const days of [40, 16, 10]) {
      await db.sql`
        INSERT INTO roost.message (id, inbox, sender, sent_ns, type, body, extra)
        SELECT ${smallestIdAt(Date.now() - days * dayMs)}, inbox, sender, ${(Date.now() - days * dayMs) * 1e6},
          1, '', ''
        FROM roost.message WHERE client_id = 'k'`;
    }
    const lines: string[] = [];
    const store = await open({ log: createLog("info", "json", (line) => lines.push(line)) });
    expect(await say(store, { clientId: "k" })).toMatchObject({
      messageId: former?.id,
      sendTime: former?.sent_ns,
      repeated: true,
      writtenHere: false,
    });
    expect((await store.membership("app", "g1"))?.accounts).toEqual(["ann", "bob"]);
    await until(() => store.clock.purgeWaitMs > 0, "the store has looked at the clock");
    await until(() => lines.some((line) => line.includes("not deleted for now")), "the log says that it waits");
    expect(lines.filter((line) => line.includes("not deleted for now"))).toEqual([
      expect.stringMatching(/"messages":"2"/),
    ]);
    expect(await number("SELECT count(*) FROM roost.mark")).toBe(40);
    expect(await messages()).toBe(4);
    expect(await shownTo(store, "bob")).toHaveLength(2);
    const tool = await openPostgresPurge(db.url, false);
    db.opened.push(tool);
    expect(await tool.purgeNow(15 * dayMs, () => undefined)).toBe(2);
    expect(await messages()).toBe(2);
  });

  test("the operator's purge leaves it alone until a server has brought it up to date", async () => {
    expect(await failureOf(openPostgresPurge(db.url, false))).toContain(
      `has schema 1, and this program needs ${schemaVersion}; start its server once`,
    );
    const empty = await server().makeDatabase();
    expect(await failureOf(openPostgresPurge(empty, false))).toMatch(/there is no message store in 127\.0\.0\.1:/);
  });

  test("one whose clock was a year ahead serves again", async () => {
    await formerTalk(Date.now(), "k");
    await db.sql`UPDATE roost.sequence SET last_id = ${smallestIdAt(Date.now() + yearMs)},
      committed_ms = ${Date.now() + yearMs}`;
    await db.sql`UPDATE roost.node SET until_ms = until_ms + ${yearMs}`;
    const store = await open();
    const { messageId } = await say(store);
    expect(messageId).toBeGreaterThan(smallestIdAt(Date.now() + yearMs - hourMs));
    expect(await shownTo(store, "bob")).toHaveLength(2);
  });

  test("former programs go on while it is upgraded, and their clocks, whatever they say, do no harm", async () => {
    const [before] = await formerTalk(Date.now(), "before");
    const store = await open();
    for (const wallMs of [Date.now(), Date.now() + 30 * dayMs, Date.now() - yearMs, 0]) {
      const beforeMs = Date.now();
      const [row] = await formerTalk(wallMs, `k${wallMs}`);
      expect(Number((row?.sent_ns ?? 0n) / 1_000_000n)).toBeWithin(beforeMs, Date.now() + 1);
      expect(nodeOfId(row?.id ?? 0n)).toBe(nodeOfId(before?.id ?? 0n));
      expect(await db.sql`SELECT roost.renew('former', ${wallMs}) AS node`).toEqual([
        { node: BigInt(nodeOfId(before?.id ?? 0n)) },
      ]);
      expect(await db.sql`SELECT roost.purge(0, ${smallestIdAt(Date.now() + yearMs)}, 2000) AS next`).toEqual([
        { next: null },
      ]);
    }
    const [created]: { outcome: bigint; number_1: bigint }[] = await db.sql`
      SELECT * FROM roost.change_groups('former', 0, ${`[{"kind":"create","app":"app","group":"g1",
        "name":"n","avatar":"","introduction":"","closed":false,"members":["ann","bob"]}]`}::text::json)`;
    expect(timeOfId(created?.number_1 ?? 0n)).toBeGreaterThan(Date.now() - minuteMs);
    expect(await shownTo(store, "bob")).toHaveLength(5);
    expect(await messages()).toBe(5);
  });

  test("no write of a former program is refused during the upgrade", async () => {
    const end = new AbortController();
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      const own = new SQL(db.url, { max: 1, bigint: true });
      let count = 0;
      for (; !end.signal.aborted || count === 0; count++) {
        await own`
          SELECT id FROM roost.commit_messages(${`former-${writer}`}, ${Date.now()}, '{app}', '{ann}', '{null}',
            '{false}', '{bob}', '{null}', '{1}', '{hello}', '{""}', '{""}', '{}', '{}', '{}', '{}')`;
      }
      await own.close();
      return count;
    });
    try {
      await until(() => messages().then((count) => count > 50), "messages are written");
      await open();
      const upgraded = await messages();
      await until(() => messages().then((count) => count > upgraded + 50), "messages are written");
    } finally {
      end.abort();
    }
    const counts = await Promise.all(writers);
    expect(await messages()).toBe(counts.reduce((a, b) => a + b));
  });
});
