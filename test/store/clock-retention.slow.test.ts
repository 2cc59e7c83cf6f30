// What the SQLite store deletes on machines whose clocks are wrong, leap, or were off: nothing on a single reading of a
// wall clock, and in the end all that is too old. Processes without threads (log-process.ts), clocks that the test
// moves.

import { afterAll, describe, expect, test } from "bun:test";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { timeOfId } from "../../src/store/snowflake.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { day, hour, Machine, minute, removeMachines } from "./clock-machine.ts";
import { commit } from "./log-process.ts";
import { talk } from "./samples.ts";
import { sqliteSchema4 } from "../support/former-schema.ts";

afterAll(removeMachines);

describe("what is deleted", () => {
  test("goes when it is older than the retention, to the hour, and not before", () => {
    const machine = new Machine();
    const id = machine.say();
    machine.run(15 * day - hour);
    expect(machine.kept()).toEqual([id]);
    machine.run(2 * hour);
    expect(machine.kept()).toEqual([]);
    machine.process.die();
  });

  test("is nothing while the clock is 30 days ahead, and nothing after it is right again", () => {
    for (const keepMs of [day, 15 * day]) {
      const machine = new Machine();
      machine.keepMs = keepMs;
      machine.run(2 * day);
      const ids = Array.from({ length: 40 }, () => machine.say());
      machine.leap(30 * day);
      machine.run(2 * minute);
      expect(machine.kept()).toEqual(ids);
      machine.leap(-30 * day);
      const { waitMs } = machine.run(2 * hour);
      expect(machine.kept()).toEqual(ids);
      expect(waitMs).toBe(0);
      machine.process.die();
    }
  });

  test("is nothing when the clock is 30 days ahead at a start", () => {
    const machine = new Machine();
    const ids = Array.from({ length: 40 }, () => machine.say());
    machine.run(2 * hour);
    machine.restart(30 * day);
    machine.leap(-30 * day);
    machine.run(2 * minute);
    machine.restart(minute);
    machine.run(2 * day);
    expect(machine.kept()).toEqual(ids);
    machine.process.die();
  });

  test("does not include what was written under a clock that had lost its time, not even after the proof", () => {
    for (const wrongMs of [Date.UTC(2020, 0, 2), Date.UTC(2026, 1, 1)]) {
      const machine = new Machine(wrongMs);
      const ids = [machine.say()];
      machine.run(3 * hour);
      ids.push(machine.say());
      machine.wallMs = Date.UTC(2026, 5, 1);
      ids.push(machine.say());
      machine.run(2 * day);
      expect(machine.kept()).toEqual(ids);
      expect(machine.shown()).toEqual(ids);
      machine.run(12 * day);
      expect(machine.kept()).toEqual(ids);
      machine.run(3 * day);
      expect(machine.kept()).toEqual([]);
      machine.process.die();
    }
  });

  test("excludes what was written before this program can have existed, though the clock was set while off", () => {
    const machine = new Machine(Date.UTC(2020, 0, 2));
    const ids = [machine.say()];
    machine.run(3 * hour);
    ids.push(machine.say());
    machine.restart(Date.UTC(2026, 5, 1) - machine.wallMs);
    machine.run(3 * day);
    expect(machine.kept()).toEqual(ids);
    machine.run(15 * day);
    expect(machine.kept()).toEqual([]);
    machine.process.die();
  });

  test("excludes what a start under a clock that had lost its time wrote, in a store with older content", () => {
    const machine = new Machine();
    machine.say();
    machine.run(2 * day);
    const rightMs = machine.wallMs;
    machine.restart(Date.UTC(2020, 0, 2) - rightMs);
    const ids = [machine.say()];
    machine.run(5 * hour);
    ids.push(machine.say());
    machine.wallMs = rightMs + 20 * day;
    machine.run(3 * day);
    expect(machine.kept().slice(-2)).toEqual(ids);
    machine.process.die();
  });

  test("waits for a day after a year in a drawer, and then goes", () => {
    const machine = new Machine();
    const old = machine.say();
    machine.run(2 * hour);
    machine.restart(365 * day);
    const id = machine.say();
    expect(machine.look().goneUpTo).toBe(old);
    machine.run(day - hour);
    expect(machine.kept()).toEqual([old, id]);
    machine.run(2 * hour);
    expect(machine.kept()).toEqual([id]);
    machine.process.die();
  });

  test("is nothing for a day after the retention was mistyped, and nothing at all when it is right before", () => {
    const machine = new Machine();
    machine.keepMs = 100 * day;
    const ids = [machine.say()];
    machine.run(50 * day);
    ids.push(machine.say());
    machine.keepMs = day;
    machine.restart(minute);
    expect(machine.run(23 * hour).waitMs).toBeGreaterThan(0);
    expect(machine.kept()).toEqual(ids);
    machine.keepMs = 100 * day;
    machine.restart(minute);
    expect(machine.run(2 * day).waitMs).toBe(0);
    expect(machine.kept()).toEqual(ids);
    machine.process.die();
  });

  test("is nothing for a day after messages without a retention get one", () => {
    const machine = new Machine();
    machine.keepMs = 0;
    const old = machine.say();
    machine.run(50 * day);
    machine.keepMs = 15 * day;
    const { waitMs, goneUpTo } = machine.look();
    expect([waitMs, goneUpTo]).toEqual([day, old]);
    expect(machine.kept()).toEqual([old]);
    machine.run(day + hour);
    expect(machine.kept()).toEqual([]);
    machine.process.die();
  });

  test("is what a message's age says, whatever year its id says", () => {
    const machine = new Machine();
    machine.leap(365 * day);
    const ahead = machine.say();
    machine.leap(-365 * day);
    machine.look();
    machine.run(10 * day);
    const later = machine.say();
    expect(timeOfId(later)).toBeGreaterThan(machine.wallMs + 300 * day);
    machine.run(5 * day + 2 * hour);
    expect([ahead, ...machine.kept()]).toEqual([ahead, later]);
    machine.run(10 * day);
    expect(machine.kept()).toEqual([]);
    machine.process.die();
  });

  test("is nothing within the retention under a clock that steps at every look", () => {
    const machine = new Machine();
    machine.run(2 * hour);
    const ids = [machine.say()];
    for (let looks = 0; looks < 3_000; looks++) {
      machine.leap(looks % 2 === 0 ? 3 * hour : -2 * hour);
      machine.run(minute);
    }
    expect(machine.kept()).toEqual(ids);
    machine.process.die();
  });

  test("is nothing by a horizon of the future", () => {
    const machine = new Machine();
    machine.run(2 * hour);
    const ids = [machine.say()];
    machine.run(2 * hour);
    machine.sql("UPDATE horizon SET at_ms = at_ms + 400 * 86400000");
    machine.run(day);
    expect(machine.kept()).toEqual(ids);
    machine.process.die();
  });

  test("waits for the slowest of processes that were told different retentions", () => {
    const machine = new Machine();
    const ids = [machine.say()];
    machine.run(20 * minute);
    const other = machine.another();
    for (let passed = 0; passed < 20 * day; passed += 20 * minute) {
      machine.run(20 * minute);
      other.writer.look(100 * day);
    }
    expect(machine.kept()).toEqual(ids);
    for (const process of [other, machine.process]) process.die();
  });
});

test("rows that a repair could not save are made anew, and nothing recent is deleted for want of them", () => {
  for (const lost of [["horizon"], ["run_time"], ["horizon", "run_time"], ["horizon", "run_time", "mark"], ["mark"]]) {
    const machine = new Machine();
    machine.say();
    machine.run(16 * day);
    const ids = [machine.say()];
    for (const table of lost) machine.sql(`DELETE FROM ${table}`);
    machine.restart(minute);
    machine.run(14 * day);
    expect(machine.kept()).toEqual(ids);
    machine.run(2 * day);
    expect([lost, machine.kept()]).toEqual([lost, []]);
    machine.process.die();
  }
});

describe("an upgrade from schema 2", () => {
  const newer = ["identity", "owner", "horizon", "run_time", "mark"].map((table) => `DROP TABLE ${table}`);
  const downgrade = [...sqliteSchema4, ...newer, "DROP INDEX member_past", "PRAGMA user_version = 2"].join("; ");

  /** A store that has run for 20 days, a message every hour; then its tables are those of schema 2. */
  function oldStore(): Machine {
    const machine = new Machine();
    for (let passed = 0; passed < 20 * day; passed += hour) {
      machine.say({ clientId: `k${passed}` });
      machine.wallMs += hour;
      machine.monotonicMs += hour;
    }
    machine.process.die();
    // The old program has deleted to the minute.
    const oldest = BigInt(machine.wallMs - 15 * day - Date.UTC(2020, 0, 1)) << 22n;
    for (const statement of [`DELETE FROM message WHERE id < ${oldest}`, ...downgrade.split("; ")])
      machine.sql(statement);
    machine.process = machine.another();
    return machine;
  }

  test("loses nothing, does not wait, and goes on deleting", () => {
    const machine = oldStore();
    const before = machine.kept();
    const { waitMs } = machine.look();
    expect(waitMs).toBe(0);
    expect(before).toHaveLength(15 * 24);
    expect(machine.kept()).toEqual(before);
    machine.run(day + 2 * hour);
    const after = machine.kept();
    expect(after.length).toBeLessThanOrEqual(15 * 24 - 24 + 1);
    expect(after.length).toBeGreaterThanOrEqual(15 * 24 - 2 * 24);
    expect(after).toEqual(before.slice(-after.length));
    const [code] = commit(machine.process, [talkJob(talk({ clientId: `k${20 * day - hour}` }))])[0] ?? [];
    expect(code).toBe(outcome.repeatedElsewhere);
    machine.process.die();
  });

  test("waits for a day where the store was off for a year, and where the clock is 30 days ahead", () => {
    for (const ms of [365 * day, 30 * day]) {
      const machine = oldStore();
      const before = machine.kept();
      machine.leap(ms);
      const { waitMs, goneUpTo } = machine.look();
      expect(waitMs).toBe(day);
      expect(goneUpTo).toBeGreaterThan(before[0] ?? 0n);
      machine.run(23 * hour);
      expect(machine.kept()).toEqual(before);
      machine.process.die();
    }
  });
});

test("a slice of a purge finds what it deletes by indexes", () => {
  const machine = new Machine();
  const db = openConnection({ path: machine.path, synchronous: "NORMAL", cacheKib: 256 });
  for (const rows of [
    "number FROM member WHERE until_id <= 5 LIMIT 5",
    "id FROM message WHERE id <= 5 ORDER BY id LIMIT 5",
  ]) {
    const plan = db.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN SELECT ${rows}`).all();
    expect(plan.map(({ detail }) => detail.split(" ")[0])).toEqual(["SEARCH"]);
  }
  db.close();
  machine.process.die();
});
