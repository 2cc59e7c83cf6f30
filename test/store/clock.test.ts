// The SQLite store on machines whose clocks are wrong, leap, or were off: nothing is destroyed on a single reading of a wall
// clock, and nothing is refused for good. Processes without threads (log-process.ts), clocks that the test moves.

import { afterAll, describe, expect, test } from "bun:test";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { nodeOfId, timeOfId } from "../../src/store/snowflake.ts";
import { checkIndex } from "../../src/store/sqlite/check-index.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { indexPathOf } from "../../src/store/sqlite/index-file.ts";
import { leaseMs, NodeLease } from "../../src/store/sqlite/node-lease.ts";
import { salvage } from "../../src/store/sqlite/salvage.ts";
import { day, hour, Machine, minute, removeMachines } from "./clock-machine.ts";
import { commit, idsOf, type Process } from "./log-process.ts";
import { draft, talk } from "./store-suite.ts";

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

  test("does not include what was written before this program can have existed, though the clock was set while it was off", () => {
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

  test("does not include what was written at a start under a clock that had lost its time, in a store with older content", () => {
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

  test("is nothing for a day after messages that were kept for ever get a retention", () => {
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

  test("is nothing that is young under a clock that steps at every look", () => {
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

test("rows that a repair could not save are made anew, and nothing young is deleted for want of them", () => {
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

describe("after the clock was a year ahead", () => {
  test("talks go on at once, ids rise, times of sending are right, and a restart starts", () => {
    const machine = new Machine();
    machine.leap(365 * day);
    const ahead = machine.say();
    machine.leap(-365 * day);
    let last = ahead;
    for (let times = 0; times < 5; times++) {
      const [code, id = 0n, sentNs = 0n] = commit(machine.process, [talkJob(talk())])[0] ?? [];
      expect(code).toBe(outcome.stored);
      expect(id).toBeGreaterThan(last);
      expect(sentNs).toBe(BigInt(machine.wallMs) * 1_000_000n);
      last = id;
      machine.restart(minute);
    }
    expect(machine.process.writer.renew()).toBeGreaterThan(364 * day);
    expect(machine.look().aheadMs).toBeGreaterThan(364 * day);
    machine.process.die();
  });

  test("groups are made, joined and left, and windows show what was said inside", () => {
    const machine = new Machine();
    machine.leap(365 * day);
    commit(machine.process, [["create", draft({ members: ["bob"] })]]);
    machine.leap(-365 * day);
    const change = { app: "app", group: "g1", actor: "eve", account: "eve" };
    const [joined] = commit(machine.process, [["join", change]]);
    const inside = machine.say({ toGroup: true, dest: "g1" });
    commit(machine.process, [["quit", change]]);
    machine.say({ toGroup: true, dest: "g1" });
    expect(joined?.[0]).toBe(outcome.changed);
    expect(idsOf(machine.process, { account: "eve", after: 0n })).toEqual([inside]);
    machine.process.die();
  });

  test("a lease of that time keeps nobody from a node number, and its holder takes another one", () => {
    const machine = new Machine();
    machine.process.die();
    const db = openConnection({ path: machine.path, synchronous: "NORMAL", cacheKib: 256 });
    db.run("DELETE FROM node");
    const holders = Array.from({ length: 1023 }, (_, i) => new NodeLease(db, `holder ${i}`));
    for (const [number, holder] of holders.entries()) expect(holder.hold(machine.wallMs + 365 * day, 3n)).toBe(number);
    // One that nobody has comes first.
    expect(new NodeLease(db, "the last").hold(machine.wallMs, 5n)).toBe(1023);
    const late = new NodeLease(db, "one more");
    expect([late.hold(machine.wallMs, 7n), late.ownAbove]).toEqual([0, 7n]);
    const [ousted, kept] = holders;
    expect([ousted?.hold(machine.wallMs, 9n), ousted?.ownAbove]).toEqual([1, 9n]);
    expect([kept?.hold(machine.wallMs, 9n), kept?.ownAbove]).toEqual([2, 9n]);
    expect([late.hold(machine.wallMs, 9n), late.ownAbove]).toEqual([0, 7n]);
    db.close();
  });
});

test("a number that another process had meanwhile makes none of its messages this one's own", () => {
  const machine = new Machine();
  machine.say();
  machine.process.writer.release();
  machine.restart(minute);
  const slow = machine.process;
  expect(nodeOfId(machine.say())).toBe(0);
  const other = machine.another();
  const [, id = 0n] = commit(other, [talkJob(talk({ clientId: "of the other" }))])[0] ?? [];
  expect(nodeOfId(id)).toBe(1);
  other.writer.release();
  other.die();
  // The slow one's lease ends, and a third process takes its number.
  machine.wallMs += leaseMs + 1;
  const third = machine.another();
  const [, thirdId = 0n] = commit(third, [talkJob(talk())])[0] ?? [];
  expect(nodeOfId(thirdId)).toBe(0);
  const [code, again] = commit(slow, [talkJob(talk({ clientId: "of the other" }))])[0] ?? [];
  expect(nodeOfId(machine.say())).toBe(1);
  expect([code, again]).toEqual([outcome.repeatedElsewhere, id]);
  for (const process of [third, slow]) process.die();
});

describe("a retry", () => {
  test("is stored once within 24 hours of real time, however the clock leaps and whatever is merged meanwhile", () => {
    for (const ms of [12 * hour, 23 * hour, 30 * day, -30 * day, 365 * day]) {
      const machine = new Machine();
      machine.run(3 * day);
      const id = machine.say({ clientId: "once" });
      machine.run(2 * hour);
      machine.leap(ms);
      machine.run(2 * minute);
      // A merge drops keys that are too old.
      for (let times = 0; times < 4 * 8 * 2; times++) machine.say();
      machine.process.settle();
      machine.run(20 * hour);
      for (let times = 0; times < 4 * 8 * 8; times++) machine.say();
      machine.process.settle();
      machine.restart(minute);
      const [code, again] = commit(machine.process, [talkJob(talk({ clientId: "once" }))])[0] ?? [];
      expect([code, again]).toEqual([outcome.repeatedElsewhere, id]);
      machine.process.die();
    }
  });

  test("is not remembered for ever: keys of merged runs are dropped after 24 hours of running", () => {
    const machine = new Machine();
    const id = machine.say({ clientId: "once" });
    machine.run(2 * day);
    for (let times = 0; times < 4 * 8; times++) machine.say();
    machine.process.settle();
    const [code, again = 0n] = commit(machine.process, [talkJob(talk({ clientId: "once" }))])[0] ?? [];
    expect(code).toBe(outcome.stored);
    expect(again).toBeGreaterThan(id);
    machine.process.die();
  });

  test("is stored once though the retention is a day and the clock leaps by less", () => {
    const machine = new Machine();
    machine.keepMs = day;
    machine.run(3 * day);
    const id = machine.say({ clientId: "once" });
    machine.run(2 * hour);
    machine.leap(23 * hour);
    machine.run(3 * hour);
    const [code, again] = commit(machine.process, [talkJob(talk({ clientId: "once" }))])[0] ?? [];
    expect([code, again]).toEqual([outcome.repeated, id]);
    machine.process.die();
  });
});

describe("a device without a cursor", () => {
  test("is shown 15 days, by the time that passed and not by what ids say", () => {
    const machine = new Machine();
    machine.keepMs = 0;
    machine.say();
    machine.run(10 * day);
    machine.leap(200 * day);
    const ahead = machine.say();
    machine.run(2 * minute);
    machine.leap(-200 * day);
    machine.run(6 * day);
    const late = machine.say();
    expect(machine.shown()).toEqual([ahead, late]);
    machine.run(10 * day);
    expect(machine.shown()).toEqual([late]);
    machine.process.die();
  });

  test("is shown what was written under a clock that was behind", () => {
    const machine = new Machine();
    machine.run(2 * hour);
    machine.leap(-100 * day);
    const behind = machine.say();
    machine.run(2 * hour);
    machine.leap(100 * day);
    machine.run(2 * minute);
    expect(machine.shown()).toEqual([behind]);
    machine.process.die();
  });
});

describe("an upgrade from schema 2", () => {
  const downgrade = `DROP TABLE identity; DROP TABLE owner; DROP TABLE horizon; DROP TABLE run_time; DROP TABLE mark; DROP INDEX member_past; PRAGMA user_version = 2`;

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

test("a repair saves every message, also those with ids of the last year that a clock may say", () => {
  const machine = new Machine();
  const ids = [machine.say()];
  machine.leap(Date.UTC(2085, 11, 31, 23, 59, 59, 999) - machine.wallMs);
  ids.push(machine.say());
  machine.leap(Date.UTC(2026, 5, 2) - machine.wallMs);
  // Ids go on above those of that millisecond, in the year after.
  for (let count = 0; count < 4_100; count++) ids.push(machine.say());
  machine.process.die();
  const saved = `${machine.path}.saved`;
  const { tables, lastId } = salvage(machine.path, saved, () => undefined);
  expect(tables.find(({ table }) => table === "message")).toMatchObject({ rows: ids.length, gaps: [], spoilt: 0 });
  expect(lastId).toBe(ids.at(-1) ?? 0n);
});

test("times of sending rise with the ids in one millisecond, over batches and processes, and follow a clock that is set back", () => {
  const machine = new Machine();
  const other = machine.another();
  const times: bigint[] = [];
  const append = (process: Process): void => {
    const outcomes = commit(process, [talkJob(talk()), talkJob(talk())]);
    times.push(...outcomes.map(([, , sentNs = 0n]) => sentNs));
  };
  for (const process of [machine.process, machine.process, other, machine.process]) append(process);
  const firstNs = BigInt(machine.wallMs) * 1_000_000n;
  expect(times.map((sentNs) => sentNs - firstNs)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n]);
  machine.leap(-1);
  append(other);
  expect(times.slice(8).map((sentNs) => sentNs - firstNs)).toEqual([-1_000_000n, -999_999n]);
  other.die();
  machine.process.die();
});

test("an index whose merges dropped old keys is found right, though ids are a year ahead", () => {
  const machine = new Machine();
  machine.leap(365 * day);
  machine.say();
  machine.leap(-365 * day);
  for (let hours = 0; hours < 27; hours++) {
    machine.run(hour);
    for (let count = 0; count < 2; count++) machine.say({ clientId: `key-${hours}-${count}` });
  }
  machine.process.settle();
  const log = openConnection({ path: machine.path, synchronous: "NORMAL", cacheKib: 256 });
  const index = openConnection({ path: indexPathOf(machine.path), synchronous: "NORMAL", cacheKib: 256 });
  const { runs, problems } = checkIndex(log, index, machine.wallMs, () => undefined);
  expect(problems).toEqual([]);
  expect(runs).toBeLessThan(10);
  log.close();
  index.close();
  machine.process.die();
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

test("a folder is late when it has not read the log to its end for two seconds, whatever ids say", () => {
  for (const ms of [365 * day, -365 * day]) {
    const machine = new Machine(Date.UTC(2027, 0, 1));
    machine.leap(ms);
    machine.say();
    machine.leap(-ms);
    machine.process.settle();
    expect(machine.process.keeper.isLate).toBe(false);
    for (let times = 0; times < 4 * 4; times++) machine.say();
    machine.process.keeper.fold();
    expect(machine.process.keeper.isLate).toBe(false);
    machine.monotonicMs += 3_000;
    machine.process.keeper.fold();
    expect(machine.process.keeper.isLate).toBe(true);
    machine.process.settle();
    expect(machine.process.keeper.isLate).toBe(false);
    machine.process.die();
  }
});
