// Ids, times and retries of the SQLite store on machines whose clocks are wrong or leap: nothing is refused for good,
// and nothing is stored twice. Processes without threads (log-process.ts), clocks that the test moves.

import { afterAll, describe, expect, test } from "bun:test";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { nodeOfId } from "../../src/store/snowflake.ts";
import { checkIndex } from "../../src/store/sqlite/index/check-index.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { leaseMs, NodeLease } from "../../src/store/sqlite/node-lease.ts";
import { salvage } from "../../src/store/sqlite/salvage/salvage.ts";
import { day, hour, Machine, minute, removeMachines } from "./clock-machine.ts";
import { commit, idsOf, type Process, storedCodes } from "./log-process.ts";
import { draft, talk } from "./samples.ts";

afterAll(removeMachines);

describe("after the clock was a year ahead", () => {
  test("talks go on at once, ids rise, times of sending are right, and a restart starts", () => {
    const machine = new Machine();
    machine.leap(365 * day);
    const ahead = machine.say();
    machine.leap(-365 * day);
    let last = ahead;
    for (let times = 0; times < 5; times++) {
      const [code, id = 0n, sentNs = 0n] = commit(machine.process, [talkJob(talk())])[0] ?? [];
      expect(storedCodes).toContain(code);
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
    commit(machine.process, [{ kind: "create", draft: draft({ members: ["bob"] }), isWhole: true }]);
    machine.leap(-365 * day);
    const change = { app: "app", group: "g1", actor: "eve", account: "eve" };
    const [joined] = commit(machine.process, [{ kind: "join", change }]);
    const inside = machine.say({ toGroup: true, dest: "g1" });
    commit(machine.process, [{ kind: "quit", change }]);
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

  test("is recognised for a bounded time: keys of merged runs are dropped after 24 hours of running", () => {
    const machine = new Machine();
    const id = machine.say({ clientId: "once" });
    machine.run(2 * day);
    for (let times = 0; times < 4 * 8; times++) machine.say();
    machine.process.settle();
    const [code, again = 0n] = commit(machine.process, [talkJob(talk({ clientId: "once" }))])[0] ?? [];
    expect(storedCodes).toContain(code);
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
  expect(tables.find(({ table }) => table === "message")).toMatchObject({ rows: ids.length, gaps: [], invalid: 0 });
  expect(lastId).toBe(ids.at(-1) ?? 0n);
});

test("times of sending rise with the ids in a millisecond, over batches, processes and a clock set back", () => {
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

test("a folder is late when it has not read the log to its end for two seconds, whatever ids say", () => {
  for (const ms of [365 * day, -365 * day]) {
    const machine = new Machine(Date.UTC(2027, 0, 1));
    machine.leap(ms);
    machine.say();
    machine.leap(-ms);
    machine.process.settle();
    expect(machine.process.keeper.isLate).toBe(false);
    for (let times = 0; times < 4 * 4; times++) machine.say();
    machine.process.keeper.compact();
    expect(machine.process.keeper.isLate).toBe(false);
    machine.monotonicMs += 3_000;
    machine.process.keeper.compact();
    expect(machine.process.keeper.isLate).toBe(true);
    machine.process.settle();
    expect(machine.process.keeper.isLate).toBe(false);
    machine.process.die();
  }
});
