// Clocks that leap under a store on PostgreSQL: the nodes' and the database's own.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { claimOfNobody } from "../../src/auth/store-ownership.ts";
import { systemClock, type Clock } from "../../src/base/clock.ts";
import { backgroundTime } from "../../src/base/runtime.ts";
import { createLog, silentLog } from "../../src/base/log.ts";
import { horizonDayMs as dayMs } from "../../src/store/horizon.ts";
import { talkJob, talkOutcome } from "../../src/store/jobs.ts";
import { Connections } from "../../src/store/postgres/connection.ts";
import { countUpTo, Horizons, type Look } from "../../src/store/postgres/horizons.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import { openPostgresStore, type PostgresStoreOptions } from "../../src/store/postgres/postgres-store.ts";
import { openPostgresPurge } from "../../src/store/postgres/purge-tool.ts";
import { Reader } from "../../src/store/postgres/reader.ts";
import { migrations, schemaVersion } from "../../src/store/postgres/schema.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import { nodeOfId, smallestIdAt, timeOfId } from "../../src/store/snowflake.ts";
import { StoreUnavailable, type Store, type Talk } from "../../src/store/store.ts";
import { DatabaseClock } from "../support/database-clock.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { draft, stored, storeSuite, talk } from "./store-suite.ts";

const minuteMs = 60_000;
const hourMs = 3_600_000;
const yearMs = 365 * dayMs;

async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StoreUnavailable) return error.message;
    throw error;
  }
  return "nothing failed";
}

const say = async (store: Store, change: Partial<Talk> = {}) => stored((await store.append([talk(change)]))[0]);
const shownTo = async (store: Pick<Store, "index">, account: string, after = 0n): Promise<bigint[]> => {
  const query = { app: "app", account, device: "", after, includeSent: false, limit: 2_000 };
  return (await store.index(query)).map(({ messageId }) => messageId);
};
const lifeOf = async (sql: SQL): Promise<string> => {
  const [row]: { life: string }[] = await sql`SELECT roost.life() AS life`;
  return row?.life ?? "";
};
const sentMs = ({ sendTime }: { sendTime: bigint }): number => Number(sendTime / 1_000_000n);

describe.skipIf(!hasPostgres)("PostgreSQL's clock", () => {
  let server: PostgresServer;
  let url: string;
  /** An operator's connection. */
  let sql: SQL;
  let opened: { close(): Promise<void> }[];
  const open = async (change: Partial<PostgresStoreOptions> = {}): Promise<Store> => {
    const store = await openPostgresStore({ url, retentionDays: 15, log: silentLog, ...change });
    opened.push(store);
    return store;
  };
  const number = async (query: string): Promise<number> => {
    const rows: [bigint | number][] = await sql.unsafe(query).values();
    return Number(rows[0]?.[0]);
  };
  const messages = (): Promise<number> => number("SELECT count(*) FROM roost.message");
  const hasLooked = (): Promise<boolean> => number("SELECT turn FROM roost.look").then((turn) => turn > 0);

  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 180_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    url = await server.makeDatabase();
    sql = new SQL(url, { max: 1, bigint: true });
    opened = [];
  });
  afterEach(async () => {
    for (const store of opened) await store.close();
    await sql.close({ timeout: 0 });
    await server.dropDatabase(url);
  });

  // The whole suite while the database's clock is set all the time, by up to a year.
  storeSuite("PostgreSQL store under a clock that steps", async () => {
    const steppedUrl = await server.makeDatabase();
    await migrate(steppedUrl);
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
        await server.dropDatabase(steppedUrl);
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
      const clock = await DatabaseClock.install(sql);
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
      const clock = await DatabaseClock.install(sql);
      const before = await say(first, { clientId: "k" });
      await clock.setOff(yearMs);
      await sql`UPDATE roost.node SET until_ms = 0`;
      const ids = [before.messageId, (await say(first)).messageId];
      await sql`
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
      await sql`UPDATE roost.node SET until_ms = until_ms + ${hourMs}`;
      expect(nodeOfId((await say(await open())).messageId)).toBe(1);
      expect(nodeOfId((await say(first)).messageId)).toBe(0);
    });
  });

  test("outside of 2020 to 2085 refuses with a sentence, deletes nothing, and service returns by itself", async () => {
    const store = await open({ retentionDays: 1 });
    const clock = await DatabaseClock.install(sql);
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

  describe("under a purge", () => {
    /** Nodes over one database, on machines whose clocks a test moves. */
    class Machines {
      wallMs = Date.UTC(2026, 5, 1);
      monotonicMs = 5_000;
      keepMs: number | undefined;
      last: Look | undefined;
      nodes: Horizons[] = [];
      private readonly clock: DatabaseClock;
      private readonly writer: Writer;
      private readonly connections: Connections;

      private constructor(clock: DatabaseClock, keepMs: number | undefined) {
        this.clock = clock;
        this.keepMs = keepMs;
        this.writer = new Writer(url, "a-node", claimOfNobody, limitValues());
        this.connections = new Connections({ url, connectionsMax: 4, idleSecondsMax: 0 });
        opened.push(this.writer, this.connections);
      }

      static async make(nodes = 1, keepMs: number | undefined = 15 * dayMs): Promise<Machines> {
        await migrate(url);
        const machines = new Machines(await DatabaseClock.install(sql), keepMs);
        await machines.restart(0, nodes);
        return machines;
      }

      /** All nodes are away for so long. */
      async restart(offMs: number, nodes = this.nodes.length): Promise<void> {
        this.monotonicMs = 5_000;
        this.wallMs += offMs;
        const clock = { monotonicMs: () => this.monotonicMs };
        this.nodes = Array.from({ length: nodes }, () => new Horizons(this.connections, clock, this.keepMs));
        await this.look();
      }

      async look(): Promise<void> {
        await this.clock.fix(this.wallMs);
        for (const node of this.nodes) {
          this.last = (await node.look()) ?? this.last;
          for (let above: bigint | null = 0n; above !== null;) {
            const [slice]: { next: bigint | null }[] =
              await sql`SELECT roost.purge_slice(${above}, 2000, null) AS next`;
            above = slice?.next ?? null;
          }
        }
      }

      async run(ms: number, stepMs = 10 * minuteMs): Promise<void> {
        for (let passed = 0; passed < ms; passed += stepMs) {
          this.wallMs += stepMs;
          this.monotonicMs += stepMs;
          await this.look();
        }
      }

      async say(change: Partial<Talk> = {}): Promise<bigint> {
        await this.clock.fix(this.wallMs);
        const numbers = await this.writer.commit([talkJob(talk(change))]);
        return stored(talkOutcome((_, slot) => numbers[slot] ?? 0n, 0)).messageId;
      }

      shown(after = 0n): Promise<bigint[]> {
        const reader = new Reader(this.connections);
        const index: Store["index"] = async (query) => reader.index(await lifeOf(sql), query, query.limit);
        return shownTo({ index }, "bob", after);
      }
    }

    test("deletes messages, and windows that were left, when the retention has passed and not sooner", async () => {
      const machines = await Machines.make();
      await machines.run(hourMs);
      const old = await machines.say();
      await machines.run(2 * hourMs);
      const young = await machines.say();
      await sql`INSERT INTO roost.member (chat_group, account, from_id, until_id, joined_ms)
        VALUES (1, 1, 0, ${old}, 0), (1, 1, 0, ${young}, 0)`;
      await machines.run(15 * dayMs - 2 * hourMs - 10 * minuteMs, hourMs);
      expect(await machines.shown()).toEqual([old, young]);
      await machines.run(hourMs);
      expect(await machines.shown()).toEqual([young]);
      expect(await number("SELECT count(*) FROM roost.member")).toBe(1);
      await machines.run(2 * hourMs);
      expect(await machines.shown()).toEqual([]);
      expect(await number("SELECT count(*) FROM roost.member")).toBe(0);
      expect(machines.last?.waitMs).toBe(0);
    });

    test("deletes nothing while it is 30 days ahead for a while, nor at a start, nor after", async () => {
      const machines = await Machines.make(2);
      for (let count = 0; count < 40; count++) await machines.say();
      await machines.run(2 * hourMs);
      machines.wallMs += 30 * dayMs;
      await machines.run(10 * minuteMs, minuteMs);
      expect(machines.last?.waitMs).toBe(dayMs - 9 * minuteMs);
      machines.wallMs -= 30 * dayMs;
      await machines.run(10 * minuteMs, minuteMs);
      expect(machines.last?.waitMs).toBe(0);
      await machines.restart(30 * dayMs);
      await machines.run(4 * minuteMs, minuteMs);
      await machines.restart(-30 * dayMs);
      await machines.run(hourMs);
      expect(await machines.shown()).toHaveLength(40);
    });

    test("tells how many messages go and when, after a year off; they go after a day, over restarts", async () => {
      const machines = await Machines.make();
      for (let count = 0; count < 3; count++) await machines.say();
      await machines.run(2 * hourMs);
      await machines.restart(yearMs);
      expect(machines.last?.waitMs).toBe(dayMs);
      expect(await number(`SELECT count(*) FROM roost.message WHERE id <= ${machines.last?.goneUpTo}`)).toBe(3);
      const fresh = await machines.say();
      await machines.run(dayMs - 2 * hourMs, hourMs);
      expect(await messages()).toBe(4);
      await machines.restart(hourMs);
      expect(machines.last?.waitMs).toBe(2 * hourMs);
      await machines.run(hourMs);
      expect(await messages()).toBe(4);
      await machines.run(hourMs);
      expect(await machines.shown()).toEqual([fresh]);
    });

    test("waits where the retention is mistyped, and forgets it where that is mended", async () => {
      const machines = await Machines.make(1, 100 * dayMs);
      await machines.say();
      await machines.run(50 * dayMs, 6 * hourMs);
      machines.keepMs = dayMs;
      await machines.restart(minuteMs);
      await machines.run(dayMs - hourMs, hourMs);
      expect(await messages()).toBe(1);
      expect(machines.last?.waitMs).toBe(hourMs);
      machines.keepMs = 100 * dayMs;
      await machines.restart(minuteMs);
      expect(machines.last?.waitMs).toBe(0);
      machines.keepMs = dayMs;
      await machines.restart(minuteMs);
      expect(machines.last?.waitMs).toBe(dayMs);
      await machines.run(dayMs, hourMs);
      expect(await messages()).toBe(0);
    });

    test("waits where messages were kept for ever before, and deletes nothing where they are", async () => {
      const machines = await Machines.make();
      machines.keepMs = undefined;
      await machines.restart(0);
      const old = await machines.say();
      await machines.run(40 * dayMs, 6 * hourMs);
      expect(machines.last?.keepsAll).toBe(true);
      machines.keepMs = 15 * dayMs;
      await machines.restart(minuteMs);
      await machines.run(dayMs - hourMs, hourMs);
      // Without a cursor it is older than the 15 days that are shown; one of another server is none.
      expect(await machines.shown(1n)).toEqual([old]);
      for (const cursor of [0n, old + 1n, 1n << 61n]) expect(await machines.shown(cursor)).toEqual([]);
      await machines.run(hourMs, hourMs);
      expect(await machines.shown(1n)).toEqual([]);
    });

    test("a year ahead, then right: what was written is shown, kept for the retention and then deleted", async () => {
      const machines = await Machines.make();
      await machines.run(2 * hourMs);
      machines.wallMs += yearMs;
      await machines.run(minuteMs, minuteMs);
      const ahead = await machines.say();
      machines.wallMs -= yearMs;
      await machines.run(2 * hourMs);
      const right = await machines.say();
      expect(await machines.shown()).toEqual([ahead, right]);
      await machines.run(14 * dayMs, hourMs);
      expect(await machines.shown()).toEqual([ahead, right]);
      await machines.run(dayMs + hourMs, hourMs);
      expect(await machines.shown()).toEqual([]);
    });

    test("a year behind, then right: what was written is shown and kept for the retention", async () => {
      const machines = await Machines.make();
      machines.wallMs -= yearMs / 4;
      const behind = await machines.say();
      await machines.run(2 * hourMs);
      machines.wallMs += yearMs / 4;
      await machines.run(2 * dayMs, hourMs);
      expect(await machines.shown()).toEqual([behind]);
      await machines.run(12 * dayMs, hourMs);
      expect(await machines.shown()).toEqual([behind]);
      await machines.run(2 * dayMs, hourMs);
      expect(await machines.shown()).toEqual([]);
    });

    test("a horizon of the future deletes nothing, whoever asks for it, and comes back", async () => {
      const machines = await Machines.make();
      await machines.say();
      await machines.run(3 * hourMs);
      await sql`UPDATE roost.horizon SET at_ms = at_ms + ${yearMs} WHERE kind = 'messages'`;
      expect(await number("SELECT coalesce(roost.purge_slice(0, 2000, null), 0)")).toBe(0);
      await machines.run(hourMs);
      expect(await messages()).toBe(1);
      expect(machines.last?.waitMs).toBe(0);
    });

    test("a clock that steps at every look deletes nothing that is not a day older than it should be", async () => {
      const machines = await Machines.make();
      await machines.say();
      await machines.run(2 * hourMs);
      const young = await machines.say();
      for (let times = 0; times < 300; times++) {
        machines.wallMs += times % 2 === 0 ? 30 * dayMs : -29 * dayMs;
        await machines.run(minuteMs, minuteMs);
      }
      expect(await machines.shown(1n)).toContain(young);
      expect(await messages()).toBe(2);
    });

    test("a clock that leaps by less than a day deletes nothing that a retry may still ask for", async () => {
      const machines = await Machines.make(1, dayMs);
      await machines.run(2 * hourMs);
      const keyed = await machines.say({ clientId: "k" });
      await machines.run(2 * hourMs);
      machines.wallMs += 23 * hourMs;
      await machines.run(hourMs);
      expect(machines.last?.waitMs).toBe(0);
      expect(await machines.say({ clientId: "k" })).toBe(keyed);
      await machines.run(dayMs + hourMs, hourMs);
      expect(await messages()).toBe(0);
    });

    test("processes that look at once count the time once", async () => {
      const machines = await Machines.make(6);
      await machines.run(hourMs);
      const ranMs = await number("SELECT ran_ms FROM roost.look");
      expect(ranMs).toBe(hourMs);
      machines.wallMs += minuteMs;
      machines.monotonicMs += minuteMs;
      const turn = await number("SELECT turn FROM roost.look");
      await sql`UPDATE test_clock.state SET fixed_us = fixed_us + ${minuteMs * 1000}`;
      const looks = await Promise.all(machines.nodes.map((node) => node.look()));
      const saved = looks.filter((look) => look !== undefined).length;
      expect(await number("SELECT turn FROM roost.look")).toBe(turn + saved);
      expect(await number("SELECT ran_ms FROM roost.look")).toBe(ranMs + minuteMs);
    });

    test("an answer that takes seconds is not taken for a leap", async () => {
      const machines = await Machines.make();
      await machines.run(hourMs);
      let tookMs = 0;
      const connections = new Connections({ url, connectionsMax: 1, idleSecondsMax: 0 });
      opened.push(connections);
      const clock = { monotonicMs: () => (machines.monotonicMs += tookMs) };
      const slow = new Horizons(connections, clock, 15 * dayMs);
      expect(await slow.look()).toBeDefined();
      const turn = await number("SELECT turn FROM roost.look");
      tookMs = 1_001;
      expect(await slow.look()).toBeUndefined();
      expect(await number("SELECT turn FROM roost.look")).toBe(turn);
      tookMs = 400;
      expect(await slow.look()).toBeDefined();
    });

    test("many messages are counted to the end", async () => {
      const machines = await Machines.make();
      const id = await machines.say();
      await sql`INSERT INTO roost.message (id, inbox, sender, sent_ns, type, body, extra)
        SELECT id - i, inbox, sender, sent_ns, type, '', '' FROM roost.message, generate_series(1, 45000) i`;
      const connections = new Connections({ url, connectionsMax: 1, idleSecondsMax: 0 });
      opened.push(connections);
      const life = await lifeOf(sql);
      expect(await countUpTo(connections, life, id)).toBe(45_001);
      expect(await countUpTo(connections, life, id - 1n)).toBe(45_000);
      expect(await countUpTo(connections, life, 0n)).toBe(0);
    });

    test("an operator who vouches for the clock has it done at once, and servers wait no longer", async () => {
      const machines = await Machines.make();
      for (let count = 0; count < 5_000; count += 1_000) {
        await Promise.all(Array.from({ length: 50 }, () => machines.say()));
      }
      await machines.run(2 * hourMs);
      await machines.restart(yearMs);
      const fresh = await machines.say();
      const tool = await openPostgresPurge(url);
      opened.push(tool);
      const survey = await tool.survey(undefined);
      expect(survey).toEqual({
        keepMs: 15 * dayMs,
        wallMs: machines.wallMs,
        committedMs: machines.wallMs,
        messages: 250,
        waitMs: dayMs,
      });
      expect(await tool.survey(2 * yearMs)).toMatchObject({ messages: 0, waitMs: 0 });
      const told: number[] = [];
      expect(await tool.purgeNow(15 * dayMs, (count) => told.push(count))).toBe(250);
      expect(told.at(-1)).toBe(250);
      expect(await machines.shown()).toEqual([fresh]);
      await machines.run(minuteMs, minuteMs);
      expect(machines.last?.waitMs).toBe(0);
      expect((await tool.survey(undefined)).messages).toBe(0);
    });

    test("an operator's purge while the clock was set right keeps what is young by elapsed time", async () => {
      const machines = await Machines.make();
      machines.wallMs -= yearMs / 4;
      const behind = await machines.say();
      await machines.run(2 * hourMs);
      machines.wallMs += yearMs / 4;
      await machines.run(hourMs);
      expect(machines.last?.waitMs).toBeGreaterThan(0);
      const tool = await openPostgresPurge(url);
      opened.push(tool);
      expect((await tool.survey(dayMs)).messages).toBe(0);
      expect(await tool.purgeNow(dayMs, () => undefined)).toBe(0);
      expect(await machines.shown()).toEqual([behind]);
    });
  });

  describe("in a store of schema 1", () => {
    const schema1 = readFileSync(join(import.meta.dir, "postgres-schema-1.sql"), "utf8");
    const formerTalk = (wallMs: number, clientId: string) => sql<{ id: bigint; sent_ns: bigint }[]>`
      SELECT id, sent_ns FROM roost.commit_messages('former', ${wallMs}, '{app}', '{ann}', '{null}', '{false}', '{bob}',
        '{null}', '{1}', '{hello}', '{""}', ${sql.array([clientId], "TEXT")}, '{}', '{}', '{}', '{}')`;
    beforeEach(async () => {
      await sql.unsafe(`CREATE SCHEMA roost; ${schema1}`);
      await sql`CREATE TABLE roost.migration (number integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())`;
      await sql`INSERT INTO roost.migration (number) VALUES (1)`;
    });

    test("the tables are made as they were released", () => {
      expect(schema1).toContain(migrations[0] ?? "no migration");
    });

    test("its messages, keys and groups are served, and what exceeds the retention goes after a day", async () => {
      await sql`SELECT FROM roost.change_groups('former', ${Date.now()}, ${`[{"kind":"create","app":"app","group":"g1",
        "name":"n","avatar":"","introduction":"","closed":false,"members":["ann","bob"]}]`}::text::json)`;
      const [former] = await formerTalk(Date.now(), "k");
      for (const days of [40, 16, 10]) {
        await sql`
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
      const tool = await openPostgresPurge(url);
      opened.push(tool);
      expect(await tool.purgeNow(15 * dayMs, () => undefined)).toBe(2);
      expect(await messages()).toBe(2);
    });

    test("the operator's purge leaves it alone until a server has brought it up to date", async () => {
      expect(await failureOf(openPostgresPurge(url))).toContain(
        `has schema 1, and this program needs ${schemaVersion}; start its server once`,
      );
      const empty = await server.makeDatabase();
      expect(await failureOf(openPostgresPurge(empty))).toMatch(/there is no message store in 127\.0\.0\.1:/);
    });

    test("one whose clock was a year ahead serves again", async () => {
      await formerTalk(Date.now(), "k");
      await sql`UPDATE roost.sequence SET last_id = ${smallestIdAt(Date.now() + yearMs)},
        committed_ms = ${Date.now() + yearMs}`;
      await sql`UPDATE roost.node SET until_ms = until_ms + ${yearMs}`;
      const store = await open();
      const { messageId } = await say(store);
      expect(messageId).toBeGreaterThan(smallestIdAt(Date.now() + yearMs - hourMs));
      expect(await shownTo(store, "bob")).toHaveLength(2);
    });

    test("programs of before go on while it is upgraded, and whatever their clocks say harms nothing", async () => {
      const [before] = await formerTalk(Date.now(), "before");
      const store = await open();
      for (const wallMs of [Date.now(), Date.now() + 30 * dayMs, Date.now() - yearMs, 0]) {
        const beforeMs = Date.now();
        const [row] = await formerTalk(wallMs, `k${wallMs}`);
        expect(Number((row?.sent_ns ?? 0n) / 1_000_000n)).toBeWithin(beforeMs, Date.now() + 1);
        expect(nodeOfId(row?.id ?? 0n)).toBe(nodeOfId(before?.id ?? 0n));
        expect(await sql`SELECT roost.renew('former', ${wallMs}) AS node`).toEqual([
          { node: BigInt(nodeOfId(before?.id ?? 0n)) },
        ]);
        expect(await sql`SELECT roost.purge(0, ${smallestIdAt(Date.now() + yearMs)}, 2000) AS next`).toEqual([
          { next: null },
        ]);
      }
      const [created]: { outcome: bigint; number_1: bigint }[] = await sql`
        SELECT * FROM roost.change_groups('former', 0, ${`[{"kind":"create","app":"app","group":"g1",
          "name":"n","avatar":"","introduction":"","closed":false,"members":["ann","bob"]}]`}::text::json)`;
      expect(timeOfId(created?.number_1 ?? 0n)).toBeGreaterThan(Date.now() - minuteMs);
      expect(await shownTo(store, "bob")).toHaveLength(5);
      expect(await messages()).toBe(5);
    });

    test("a program of before that writes all the time is refused nothing by the upgrade", async () => {
      const end = new AbortController();
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        const own = new SQL(url, { max: 1, bigint: true });
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

  test("is looked at also where messages are kept for ever: a retention of later needs the marks", async () => {
    await open({ retentionDays: 0 });
    await until(hasLooked, "the store has looked at the clock");
    expect(await sql`SELECT kind FROM roost.horizon`.values()).toEqual([["time"]]);
  });
});
