// The watermarks of apps on PostgreSQL move with elapsed time, and what is behind them is erased. What every store
// promises of them is in retention-tests.ts.

import { Glob } from "bun";
import { describe, expect, test } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { horizonDayMs as dayMs } from "../../src/store/horizon.ts";
import { Machines } from "./clocked-machines.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";
import { stored, talk } from "./samples.ts";

const hourMs = 3_600_000;

/** Files whose statements pass over what is behind a watermark where accounts and back ends read or change messages. */
const clipped = [
  "bulk/export-statements.ts",
  "bulk/export-views.ts",
  "change-functions.ts",
  "conversation-functions.ts",
  // Messages whose ids the functions of histories and lists have given.
  "conversation-reader.ts",
  "groups/pin-functions.ts",
  "history-functions.ts",
  "hooks/hook-log.ts",
  "link-functions.ts",
  "list-functions.ts",
  "log-reader.ts",
  "media/media-functions.ts",
  "message-functions.ts",
  "reader.ts",
  "setting-functions.ts",
];
/** Files that count, check, delete or upgrade messages, or find those that were sent before with the same key. */
const others = [
  "back-end/check-questions.ts",
  "bulk/deletion-functions.ts",
  "bulk/erase-functions.ts",
  "bulk/import-functions.ts",
  // The next two: of an import whose app nobody uses yet.
  "bulk/import-own-functions.ts",
  "bulk/import-tail-functions.ts",
  "bulk/retention-functions.ts",
  "check.ts",
  "facts.ts",
  "former-functions.ts",
  // Of batches that name a deleted account.
  "hooks/hook-functions.ts",
  "horizons.ts",
  "people/guard-functions.ts",
  "purge-functions.ts",
  "restore.ts",
  "schema.ts",
  "store-size.ts",
];

test("no file that reads messages is forgotten here", async () => {
  const folder = new URL("../../src/store/postgres/", import.meta.url).pathname;
  const found: string[] = [];
  for (const file of new Glob("**/*.ts").scanSync(folder))
    if (/\b(FROM|JOIN) (roost\.)?message\b/.test(await Bun.file(folder + file).text())) found.push(file);
  expect(found.toSorted()).toEqual([...clipped, ...others].toSorted());
});

describe.skipIf(!hasPostgres)("Retentions of apps on PostgreSQL", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const keep = (days: number, watermark = 0n) => db.sql`
    INSERT INTO roost.app_data VALUES (${watermark}, 0, ${days}, 0, 'app', 'none')
    ON CONFLICT (app) DO UPDATE SET keep_days = excluded.keep_days`;
  const watermark = async (): Promise<bigint> => {
    const [row]: { watermark_id: bigint }[] = await db.sql`SELECT watermark_id FROM roost.app_data`;
    return row?.watermark_id ?? 0n;
  };

  test("no retention is set while a program of the former schema uses the store", async () => {
    const { data } = (await db.open()).backEnd;
    const leased = (ms: number) =>
      db.sql`INSERT INTO roost.node VALUES (900, '0123456789abcdef', roost.wall_us() / 1000 + ${ms}, 0)
        ON CONFLICT (number) DO UPDATE SET until_ms = excluded.until_ms`;
    for (const ms of [20_000, -50_000]) {
      await leased(ms);
      expect(await data.retentions.set("app", 1)).toBe("former");
      expect(await data.retentions.set("app", 0)).toMatchObject({ days: 0 });
    }
    await leased(-61_000);
    expect(await data.retentions.set("app", 1)).toMatchObject({ days: 1 });
  });

  test("a watermark moves when the days have passed, not sooner, and never back", async () => {
    const machines = await Machines.make(db, 2, undefined);
    await machines.run(hourMs, hourMs);
    const old = await machines.say();
    await keep(2);
    await machines.run(hourMs, hourMs);
    const young = await machines.say();
    const other = await machines.say({ app: "other" });
    await machines.run(2 * dayMs - 2 * hourMs, hourMs);
    expect(await machines.shown()).toEqual([old, young]);
    await machines.run(2 * hourMs, hourMs);
    expect(await machines.shown()).toEqual([young]);
    expect(await watermark()).toBe(old);
    await machines.run(2 * hourMs, hourMs);
    expect(await machines.shown()).toEqual([]);
    expect(await watermark()).toBe(other);
    await keep(30);
    await machines.run(hourMs, hourMs);
    await keep(0);
    await machines.run(3 * dayMs, 6 * hourMs);
    expect(await watermark()).toBe(other);
  });

  test("a clock that is ahead for a while moves no watermark", async () => {
    const machines = await Machines.make(db, 1, undefined);
    await machines.run(hourMs, hourMs);
    const only = await machines.say();
    await keep(2);
    await machines.run(hourMs);
    machines.wallMs += 30 * dayMs;
    await machines.run(hourMs);
    machines.wallMs -= 30 * dayMs;
    await machines.run(hourMs);
    expect(await machines.shown()).toEqual([only]);
    expect(await watermark()).toBe(0n);
  });

  test("a server erases the texts behind a watermark in slices, and those of other apps stay", async () => {
    const first = await db.open();
    const bodies = ["app", "other"].flatMap((app) =>
      Array.from({ length: 1_200 }, (_, at) => talk({ app, body: `text ${at}`, mentions: ["bob"] })),
    );
    const outcomes = await first.append(bodies);
    const upTo = stored(outcomes.at(-1)).messageId;
    const kept = stored((await first.append([talk({ body: "kept" })]))[0]).messageId;
    await first.close();
    await keep(1, upTo);
    await db.open();
    const due = "SELECT count(*) FROM roost.app_data WHERE purged_id < watermark_id";
    await until(async () => (await db.number(due)) === 0, "everything is erased");
    const left = (app: string) =>
      db.number(`SELECT count(*) FROM roost.message m JOIN roost.account a ON a.number = m.sender
        WHERE a.app = '${app}' AND m.body <> ''`);
    expect([await left("app"), await left("other")]).toEqual([1, 1_200]);
    expect(await db.number(`SELECT count(*) FROM roost.mention WHERE id <= ${upTo}`)).toBe(1_200);
    expect(await db.number(`SELECT count(*) FROM roost.message WHERE id = ${kept} AND body = 'kept'`)).toBe(1);
  });
});
