// A purge deletes by elapsed time, whatever leaps the clocks of PostgreSQL and of the nodes make.

import { describe, expect, test } from "bun:test";
import { horizonDayMs as dayMs } from "../../src/store/horizon.ts";
import { Connections } from "../../src/store/postgres/connection.ts";
import { countUpTo, Horizons } from "../../src/store/postgres/horizons.ts";
import { openPostgresPurge } from "../../src/store/postgres/purge-tool.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";
import { Machines } from "./clocked-machines.ts";

const minuteMs = 60_000;
const hourMs = 3_600_000;
const yearMs = 365 * dayMs;

describe.skipIf(!hasPostgres)("PostgreSQL's clock under a purge", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const { number } = db;
  const messages = (): Promise<number> => number("SELECT count(*) FROM roost.message");

  test("deletes messages, and windows that were left, when the retention has passed and not sooner", async () => {
    const machines = await Machines.make(db);
    await machines.run(hourMs);
    const old = await machines.say();
    await machines.run(2 * hourMs);
    const young = await machines.say();
    await db.sql`INSERT INTO roost.member (chat_group, account, from_id, until_id, joined_ms)
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
    const machines = await Machines.make(db, 2);
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
    const machines = await Machines.make(db);
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
    const machines = await Machines.make(db, 1, 100 * dayMs);
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

  test("waits where messages had no retention before, and deletes nothing where they have none", async () => {
    const machines = await Machines.make(db);
    machines.keepMs = undefined;
    await machines.restart(0);
    const old = await machines.say();
    await machines.run(40 * dayMs, 6 * hourMs);
    expect(machines.last?.keepsAll).toBe(true);
    machines.keepMs = 15 * dayMs;
    await machines.restart(minuteMs);
    await machines.run(dayMs - hourMs, hourMs);
    // Without a cursor it is older than the 15 days that are shown; one of another server does not count.
    expect(await machines.shown(1n)).toEqual([old]);
    for (const cursor of [0n, old + 1n, 1n << 61n]) expect(await machines.shown(cursor)).toEqual([]);
    await machines.run(hourMs, hourMs);
    expect(await machines.shown(1n)).toEqual([]);
  });

  test("a year ahead, then right: what was written is shown, kept for the retention and then deleted", async () => {
    const machines = await Machines.make(db);
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
    const machines = await Machines.make(db);
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

  test("a horizon of the future deletes nothing, whatever the caller, and comes back", async () => {
    const machines = await Machines.make(db);
    await machines.say();
    await machines.run(3 * hourMs);
    await db.sql`UPDATE roost.horizon SET at_ms = at_ms + ${yearMs} WHERE kind = 'messages'`;
    expect(await number("SELECT coalesce(roost.purge_slice(0, 2000, null), 0)")).toBe(0);
    await machines.run(hourMs);
    expect(await messages()).toBe(1);
    expect(machines.last?.waitMs).toBe(0);
  });

  test("a clock that steps at every look deletes nothing that is not a day older than it should be", async () => {
    const machines = await Machines.make(db);
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
    const machines = await Machines.make(db, 1, dayMs);
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
    const machines = await Machines.make(db, 6);
    await machines.run(hourMs);
    const ranMs = await number("SELECT ran_ms FROM roost.look");
    expect(ranMs).toBe(hourMs);
    machines.wallMs += minuteMs;
    machines.monotonicMs += minuteMs;
    const turn = await number("SELECT turn FROM roost.look");
    await db.sql`UPDATE test_clock.state SET fixed_us = fixed_us + ${minuteMs * 1000}`;
    const looks = await Promise.all(machines.nodes.map((node) => node.look()));
    const saved = looks.filter((look) => look !== undefined).length;
    expect(await number("SELECT turn FROM roost.look")).toBe(turn + saved);
    expect(await number("SELECT ran_ms FROM roost.look")).toBe(ranMs + minuteMs);
  });

  test("an answer that takes seconds is not taken for a leap", async () => {
    const machines = await Machines.make(db);
    await machines.run(hourMs);
    let tookMs = 0;
    const connections = new Connections({ url: db.url, connectionsMax: 1, idleSecondsMax: 0 });
    db.opened.push(connections);
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
    const machines = await Machines.make(db);
    const id = await machines.say();
    await db.sql`INSERT INTO roost.message (id, inbox, sender, sent_ns, type, body, extra)
      SELECT id - i, inbox, sender, sent_ns, type, '', '' FROM roost.message, generate_series(1, 45000) i`;
    const connections = new Connections({ url: db.url, connectionsMax: 1, idleSecondsMax: 0 });
    db.opened.push(connections);
    const life = await db.life();
    expect(await countUpTo(connections, life, id)).toBe(45_001);
    expect(await countUpTo(connections, life, id - 1n)).toBe(45_000);
    expect(await countUpTo(connections, life, 0n)).toBe(0);
  });

  test("an operator who vouches for the clock has it done at once, and servers wait no longer", async () => {
    const machines = await Machines.make(db);
    for (let count = 0; count < 5_000; count += 1_000) {
      await Promise.all(Array.from({ length: 50 }, () => machines.say()));
    }
    await machines.run(2 * hourMs);
    await machines.restart(yearMs);
    const fresh = await machines.say();
    const tool = await openPostgresPurge(db.url, false);
    db.opened.push(tool);
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

  test("an operator's purge while the clock was set right keeps what is recent by elapsed time", async () => {
    const machines = await Machines.make(db);
    machines.wallMs -= yearMs / 4;
    const behind = await machines.say();
    await machines.run(2 * hourMs);
    machines.wallMs += yearMs / 4;
    await machines.run(hourMs);
    expect(machines.last?.waitMs).toBeGreaterThan(0);
    const tool = await openPostgresPurge(db.url, false);
    db.opened.push(tool);
    expect((await tool.survey(dayMs)).messages).toBe(0);
    expect(await tool.purgeNow(dayMs, () => undefined)).toBe(0);
    expect(await machines.shown()).toEqual([behind]);
  });
});
