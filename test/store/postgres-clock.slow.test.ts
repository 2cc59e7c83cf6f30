// Clocks leap under a store on PostgreSQL: the nodes' and the database's own.

import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { backgroundTime } from "../../src/base/runtime.ts";
import { createLog, silentLog } from "../../src/base/log.ts";
import { horizonDayMs as dayMs } from "../../src/store/horizon.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { nodeOfId, timeOfId } from "../../src/store/snowflake.ts";
import type { Store } from "../../src/store/store.ts";
import { DatabaseClock } from "../support/database-clock.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { failureOf } from "./failure-of.ts";
import { draft, stored, talk } from "./samples.ts";
import { storeSuite } from "./store-suite.ts";
import { say, shownTo } from "./said-and-shown.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";

const hourMs = 3_600_000;
const yearMs = 365 * dayMs;
const sentMs = ({ sendTime }: { sendTime: bigint }): number => Number(sendTime / 1_000_000n);

describe.skipIf(!hasPostgres)("PostgreSQL's clock", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const { open, number } = db;
  const messages = (): Promise<number> => number("SELECT count(*) FROM roost.message");
  const hasLooked = (): Promise<boolean> => number("SELECT turn FROM roost.look").then((turn) => turn > 0);

  // The whole suite while the database's clock is set all the time, by up to a year.
  storeSuite("PostgreSQL store under a clock that steps", async () => {
    const steppedUrl = await server().makeDatabase();
    await migrate(steppedUrl, silentLog);
    const admin = new SQL(steppedUrl, { max: 1 });
    const clock = await DatabaseClock.install(admin);
    const random = new Random(testSeed("steps of the clock"));
    const end = new AbortController();
    const stepping = (async () => {
      while (!end.signal.aborted) {
        await clock.setOff((random.below(731) - 365) * dayMs);
        await Bun.sleep(random.below(30));
      }
    })();
    return {
      open: () => openPostgresStore({ url: steppedUrl, retentionDays: 1, log: silentLog }),
      remove: async () => {
        end.abort();
        await stepping;
        await admin.close();
        await server().dropDatabase(steppedUrl);
      },
    };
  });

  describe("of the nodes", () => {
    test("does not matter: all write, with the database's time, and nothing is deleted", async () => {
      const offs = [30 * dayMs, -yearMs, Date.UTC(1970, 0, 2) - Date.now(), Date.UTC(2150, 0, 1) - Date.now()];
      const stores: Store[] = [];
      for (const offMs of offs) {
        const clock: Clock = { ...systemClock, wallMs: () => Date.now() + offMs };
        stores.push(await open({ time: { ...backgroundTime, clock }, retentionDays: 1 }));
      }
      const beforeMs = Date.now();
      const told = [];
      for (const store of stores) told.push(await say(store));
      const afterMs = Date.now();
      for (const message of told) {
        expect(timeOfId(message.messageId)).toBeWithin(beforeMs, afterMs + 1);
        expect(sentMs(message)).toBeWithin(beforeMs, afterMs + 1);
      }
      await until(() => number("SELECT turn FROM roost.look").then((turn) => turn >= offs.length), "all have looked");
      expect(await messages()).toBe(offs.length);
      for (const store of stores) expect(await shownTo(store, "bob")).toHaveLength(offs.length);
    });

    test("does not matter to groups: creation and joining have the database's time", async () => {
      const clock: Clock = { ...systemClock, wallMs: () => 0 };
      const store = await open({ time: { ...backgroundTime, clock } });
      const beforeSeconds = Math.floor(Date.now() / 1000);
      await store.createGroup(draft({ members: ["bob"] }));
      const answer = await store.groupDetail("app", "g1", "bob");
      if (answer.result !== "found") throw new Error(answer.result);
      const times = [answer.detail.createdAt, ...answer.detail.members.map(({ joinTime }) => joinTime)];
      for (const time of times) expect(Number(time)).toBeWithin(beforeSeconds, Math.floor(Date.now() / 1000) + 1);
    });
  });

  describe("set back under a store that serves", () => {
    test("refuses nobody: ids go on, the time of sending is the clock's, a warning and a figure say so", async () => {
      const store = await open();
      const clock = await DatabaseClock.install(db.sql);
      await clock.setOff(yearMs);
      const ahead = await say(store, { clientId: "k" });
      expect(sentMs(ahead)).toBeGreaterThan(Date.now() + yearMs - hourMs);
      await clock.setOff(0);
      const right = await say(store);
      expect(right.messageId).toBe(ahead.messageId + 1n);
      expect(sentMs(right)).toBeLessThanOrEqual(Date.now());
      await store.createGroup(draft({ members: ["bob"] }));
      const toGroup = await say(store, { toGroup: true, dest: "g1" });
      expect(toGroup.messageId).toBeGreaterThan(toGroup.groupVersion);
      expect(await say(store, { clientId: "k" })).toEqual({ ...ahead, repeated: true, madeAccount: false });
      // A start, too.
      const lines: string[] = [];
      const second = await open({ log: createLog("info", "text", (line) => lines.push(line)) });
      expect(nodeOfId((await say(second)).messageId)).toBe(1);
      await until(() => second.clock.idsAheadMs > yearMs - hourMs, "the store has looked at the clock");
      expect(second.isHealthy).toBe(true);
      expect(lines.join("").match(/clock is behind the newest message's id/g)).toHaveLength(1);
      expect(await shownTo(second, "bob")).toHaveLength(4);
    });

    test("blocks no node number: leases that it left far ahead are free, and ids stay unique", async () => {
      const first = await open();
      const clock = await DatabaseClock.install(db.sql);
      const before = await say(first, { clientId: "k" });
      await clock.setOff(yearMs);
      await db.sql`UPDATE roost.node SET until_ms = 0`;
      const ids = [before.messageId, (await say(first)).messageId];
      await db.sql`
        INSERT INTO roost.node SELECT number, 'h' || number, until_ms, 0
        FROM (SELECT max(until_ms) AS until_ms FROM roost.node) n, generate_series(1, 1023) number`;
      await clock.setOff(0);
      // All 1024 are left over; the holder of the first lives, and notices that another one has taken its number.
      const second = await open();
      const stolen = await say(second);
      expect(nodeOfId(stolen.messageId)).toBe(0);
      const moved = await say(first);
      expect(nodeOfId(moved.messageId)).toBe(1);
      ids.push(stolen.messageId, moved.messageId, (await say(second)).messageId);
      expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => (a < b ? -1 : 1)));
      // What the first one stored under that number is not the second one's.
      expect(await say(second, { clientId: "k" })).toEqual({
        ...before,
        repeated: true,
        madeAccount: false,
        writtenHere: false,
      });
    });

    test("prefers a free number to one whose holder may live", async () => {
      const first = await open();
      await db.sql`UPDATE roost.node SET until_ms = until_ms + ${hourMs}`;
      expect(nodeOfId((await say(await open())).messageId)).toBe(1);
      expect(nodeOfId((await say(first)).messageId)).toBe(0);
    });
  });

  test("outside of 2020 to 2085 refuses with a sentence, deletes nothing, and service returns by itself", async () => {
    const store = await open({ retentionDays: 1 });
    const clock = await DatabaseClock.install(db.sql);
    await say(store);
    for (const year of [1970, 2019, 2086, 2150]) {
      await clock.fix(Date.UTC(year, 6, 1));
      const sentence = new RegExp(`database's clock says ${year}-07-01T.* between 2020 and 2085; set it right`);
      expect(await failureOf(store.append([talk()]))).toMatch(sentence);
      expect(store.isHealthy).toBe(false);
      expect(await failureOf(open())).toMatch(sentence);
      // Reading needs no clock.
      expect((await shownTo(store, "bob")).length).toBeGreaterThan(0);
      await clock.setOff(0);
      await until(() => store.isHealthy, "the store is healthy again");
      await say(store);
    }
    expect(await messages()).toBe(5);
  });

  test("orders the times of sending like the ids while it runs forward", async () => {
    const store = await open();
    const times: bigint[] = [];
    for (let round = 0; round < 200; round++) {
      for (const outcome of await store.append([talk(), talk()])) times.push(stored(outcome).sendTime);
    }
    expect(times).toEqual([...new Set(times)].toSorted((a, b) => (a < b ? -1 : 1)));
  });

  test("is looked at also where messages have no retention: a later retention needs the marks", async () => {
    await open({ retentionDays: 0 });
    await until(hasLooked, "the store has looked at the clock");
    expect(await db.sql`SELECT kind FROM roost.horizon`.values()).toEqual([["time"]]);
  });
});
