// The size of a store and its growth: exact in small stores, beside an open one and after it.

import { describe, expect, test } from "bun:test";
import { growthFindings } from "../../src/cli/doctor/growth.ts";
import { smallestIdAt } from "../../src/store/snowflake.ts";
import { sizeAt } from "../../src/store/postgres/store-size.ts";
import { sizeOfFiles } from "../../src/store/sqlite/store-size.ts";
import { growthOf } from "../../src/store/store-size.ts";
import { formerPathOf } from "../../src/store/sqlite/index/former-index.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { openAt, StoreFolder } from "../support/damaged-store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";
import { talk } from "./samples.ts";
import { closeSync, openSync, writeFileSync } from "node:fs";

const stores = new StoreFolder(temporaryFolder("store-size-"));
const dayMs = 86_400_000;
const gb = 1_000_000_000;

describe("the size of a store in files", () => {
  test("counts what the index has and what it has not, while the store is open and after", async () => {
    const { path } = await stores.filled(1_000);
    const store = await openAt(path);
    await store.append(Array.from({ length: 30 }, () => talk()));
    const size = sizeOfFiles(path, Date.now());
    expect(size).toMatchObject({ messages: 1_030, recentMessages: 1_030, recentDays: 1 });
    expect(size?.bytes).toBeGreaterThan(100_000);
    await until(() => store.size !== undefined, "the store measures itself");
    expect(store.size).toMatchObject({ messages: 1_030 });
    await store.close();
    const closed = sizeOfFiles(path, Date.now());
    expect(closed).toMatchObject({ messages: 1_030 });
    writeFileSync(formerPathOf(indexPathOf(path)), new Uint8Array(1_000_000));
    expect(sizeOfFiles(path, Date.now())).toMatchObject({ messages: 1_030, bytes: (closed?.bytes ?? 0) + 1_000_000 });
  }, 60_000);

  test("tells what is recent by the ids, at most seven days", () => {
    const path = stores.path("aged");
    closeSync(openSync(path, "w"));
    const db = openConnection({ path, synchronous: "OFF", cacheKib: 1024 });
    migrate(db, path);
    const nowMs = Date.UTC(2030, 0, 31);
    const add = db.prepare<null, [bigint]>(
      "INSERT INTO message VALUES (?, 1, 1, 1, 'x', '', 0, NULL, NULL, NULL, NULL, NULL)",
    );
    for (let day = 0; day < 30; day++)
      for (let i = 0; i < 10; i++) add.run(smallestIdAt(nowMs - day * dayMs - 1_000) + BigInt(i));
    db.close();
    const size = sizeOfFiles(path, nowMs);
    expect(size).toMatchObject({ messages: 300, recentMessages: 70, recentDays: 7 });
    if (size !== undefined) expect(growthOf(size)?.messagesPerDay).toBe(10);
  });
});

describe.skipIf(!hasPostgres)("the size of a store on PostgreSQL", () => {
  const db = databaseForEach(postgresForAll());
  test("is asked of the database, which an open store does too", async () => {
    expect(await sizeAt(db.url)).toBeUndefined();
    const store = await db.open();
    expect(await sizeAt(db.url)).toMatchObject({ messages: 0 });
    await store.append(Array.from({ length: 50 }, () => talk()));
    const size = await sizeAt(db.url);
    expect(size).toMatchObject({ messages: 50, recentMessages: 50, recentDays: 1 });
    expect(size?.bytes).toBeGreaterThan(50_000);
    await until(() => store.size !== undefined, "the store measures itself");
  }, 60_000);
});

describe("the check of roost doctor", () => {
  // 10 GB, of which each day added one.
  const size = { bytes: 10 * gb, messages: 100_000_000, recentMessages: 70_000_000, recentDays: 7 };
  test("says size, growth and when the disk is full, and warns below thirty days", () => {
    const [fine] = growthFindings(size, 0, 31 * gb);
    expect(fine?.level).toBe("ok");
    expect(fine?.text).toMatch(
      /^10 GB for 100000000 messages; in the last 7 days it grew by 1\.0 GB a day \(10000000 messages\); at this rate /,
    );
    expect(fine?.text).toMatch(/its disk, with 31 GB free, is full in 31 days \(\d{4}-\d\d-\d\d\)$/);
    const [late] = growthFindings(size, 0, 29 * gb);
    expect(late).toMatchObject({ level: "warning" });
    expect(late?.text).toContain("is full in 29 days");
    expect(growthFindings(size, 0, gb / 2)[0]?.text).toContain("is full within a day");
  });

  test("takes the retention into account, and what is not known", () => {
    expect(growthFindings(size, 15, 6 * gb)[0]).toMatchObject({ level: "ok" });
    expect(growthFindings(size, 15, 4 * gb)[0]).toMatchObject({ level: "warning" });
    const unknown = "PostgreSQL does not tell how much it has free";
    const [forEver] = growthFindings(size, 0);
    expect(forEver).toMatchObject({ level: "ok" });
    expect(forEver?.text).toContain(`in 30 days its disk needs 30 GB more at this rate; ${unknown}`);
    expect(growthFindings(size, 15)[0]?.text).toContain(`, with --retention 15d 15 GB in all; ${unknown}`);
    expect(growthFindings(size, 5)[0]?.text).toContain(`, with --retention 5d 10 GB in all; ${unknown}`);
    expect(growthFindings({ ...size, messages: undefined }, 0, gb)[0]?.text).toContain("when the index");
    expect(growthFindings({ ...size, messages: 0 }, 0, gb)[0]?.text).toBe("10 GB, no messages yet");
    expect(growthFindings({ ...size, recentMessages: 0 }, 0, gb)[0]).toMatchObject({ level: "ok" });
  });
});
