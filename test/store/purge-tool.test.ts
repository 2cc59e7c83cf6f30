// The operator's purge on SQLite, beside a process whose clocks the test moves.

import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { purgeReport } from "../../src/cli/purge.ts";
import { type PurgeSurvey, surveyMessagesMax, type PurgeTool } from "../../src/store/purge.ts";
import { openSqlitePurgeTool } from "../../src/store/sqlite/purge-tool.ts";
import { schemaVersion } from "../../src/store/sqlite/schema.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { day, hour, Machine, minute, removeMachines } from "./clock-machine.ts";

afterAll(removeMachines);

const toolOf = (machine: Machine): PurgeTool => openSqlitePurgeTool(machine.path, machine.clock);

/** The sentence of a StoreUnavailable. */
function refusalOf(machine: Machine): string {
  try {
    void toolOf(machine).close();
  } catch (error) {
    if (error instanceof StoreUnavailable) return error.message;
    throw error;
  }
  return "nothing was refused";
}

/** A store with 30 messages that are older than its retention, and two that are not, after a year in a drawer. */
function fromTheDrawer(): { machine: Machine; kept: bigint[] } {
  const machine = new Machine();
  for (let times = 0; times < 30; times++) machine.say();
  machine.run(2 * hour);
  machine.restart(365 * day);
  const kept = [machine.say(), machine.say()];
  return { machine, kept };
}

describe("a survey", () => {
  test("counts what is older than the retention of the store, and says how long servers wait", async () => {
    const { machine } = fromTheDrawer();
    machine.run(5 * hour);
    const tool = toolOf(machine);
    const survey = await tool.survey(undefined);
    expect(survey).toMatchObject({ keepMs: 15 * day, wallMs: machine.wallMs, messages: 30, waitMs: 19 * hour });
    expect(await tool.survey(400 * day)).toMatchObject({ messages: 0, waitMs: 0 });
    expect(machine.kept()).toHaveLength(32);
    await tool.close();
    machine.process.die();
  });

  test("knows that a store keeps everything, and one that was never written", async () => {
    const machine = new Machine();
    machine.keepMs = 0;
    machine.look();
    const tool = toolOf(machine);
    expect(await tool.survey(undefined)).toMatchObject({ keepMs: undefined, committedMs: undefined, messages: 0 });
    machine.say();
    machine.run(20 * day);
    expect(await tool.survey(undefined)).toMatchObject({ keepMs: undefined, committedMs: expect.any(Number) });
    expect(await tool.survey(15 * day)).toMatchObject({ messages: 1, waitMs: day });
    await tool.close();
    machine.process.die();
  });

  test("refuses a clock outside 2020 to 2085", async () => {
    const machine = new Machine();
    machine.wallMs = Date.UTC(2019, 0, 1);
    const tool = toolOf(machine);
    expect(tool.survey(day)).rejects.toThrow(/clock says 2019-01-01T00:00:00.000Z/);
    await tool.close();
    machine.process.die();
  });
});

describe("a purge at once", () => {
  test("deletes what is older, in slices, beside a process that goes on, which waits no longer", async () => {
    const { machine, kept } = fromTheDrawer();
    const db = new Database(machine.path);
    db.run("PRAGMA busy_timeout = 5000");
    // Thousands more, as old as the others.
    db.run(`
      WITH RECURSIVE i (value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM i WHERE value < 4999)
      INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns)
      SELECT m.id - 1 - i.value, m.inbox, m.sender, m.type, m.body, m.extra, m.sent_ns
      FROM (SELECT * FROM message ORDER BY id LIMIT 1) m, i`);
    db.close();
    expect(machine.look().waitMs).toBe(day);
    const tool = toolOf(machine);
    const steps: number[] = [];
    const purging = tool.purgeNow(15 * day, (messages) => steps.push(messages));
    kept.push(machine.say());
    expect(await purging).toBe(5_030);
    expect(steps).toEqual([2_000, 4_000, 5_030]);
    expect(machine.kept()).toEqual(kept);
    machine.wallMs += minute;
    machine.monotonicMs += minute;
    expect(machine.look().waitMs).toBe(0);
    machine.run(2 * day);
    expect(machine.kept()).toEqual(kept);
    await tool.close();
    machine.process.die();
  });

  test("works without a server, and again finds nothing", async () => {
    const { machine, kept } = fromTheDrawer();
    machine.process.die();
    const tool = toolOf(machine);
    expect(await tool.purgeNow(15 * day, () => undefined)).toBe(30);
    expect(await tool.purgeNow(15 * day, () => undefined)).toBe(0);
    await tool.close();
    machine.process = machine.another();
    expect(machine.kept()).toEqual(kept);
    machine.process.die();
  });

  test("deletes nothing that was written before a clock that had lost its time was set right", async () => {
    const machine = new Machine(Date.UTC(2026, 1, 1));
    machine.say();
    machine.run(3 * hour);
    machine.wallMs = Date.UTC(2026, 5, 1);
    machine.run(2 * minute);
    const tool = toolOf(machine);
    expect(await tool.survey(15 * day)).toMatchObject({ messages: 0 });
    expect(await tool.purgeNow(15 * day, () => undefined)).toBe(0);
    machine.run(14 * day);
    expect(machine.kept()).toHaveLength(1);
    machine.run(2 * day);
    expect(machine.kept()).toEqual([]);
    await tool.close();
    machine.process.die();
  });

  test("ends the time in which nothing goes because marks are of a future that the store began in", async () => {
    const machine = new Machine(Date.UTC(2027, 5, 1));
    machine.say();
    machine.run(3 * hour);
    machine.leap(-365 * day);
    machine.run(20 * day);
    expect(machine.kept()).toHaveLength(1);
    const tool = toolOf(machine);
    await tool.purgeNow(15 * day, () => undefined);
    machine.run(16 * day);
    expect(machine.kept()).toEqual([]);
    await tool.close();
    machine.process.die();
  });
});

test("a store that is missing, of another program, older or newer is refused, and is not changed", () => {
  const machine = new Machine();
  machine.process.die();
  const [older, newer] = [schemaVersion - 1, schemaVersion + 1];
  machine.sql(`PRAGMA user_version = ${older}`);
  expect(refusalOf(machine)).toContain(
    `has schema ${older}, and this program needs ${schemaVersion}; start its server once`,
  );
  machine.sql(`PRAGMA user_version = ${newer}`);
  expect(refusalOf(machine)).toContain(
    `has schema ${newer}, and this program knows schemas up to ${schemaVersion}; start the newer program`,
  );
  machine.sql("PRAGMA application_id = 7");
  expect(refusalOf(machine)).toMatch(/database of another program/);
  for (const end of ["", "-wal", "-shm"]) rmSync(machine.path + end, { force: true });
  expect(refusalOf(machine)).toMatch(/there is no message store at .*; name the right one with --data or --store/);
  writeFileSync(machine.path, "this is not a database, it is text that is long enough to be looked at".repeat(20));
  expect(refusalOf(machine)).toMatch(/NOTADB/);
});

test("the report says how many, until when servers wait, and that a clock is wrong", () => {
  const wallMs = Date.UTC(2026, 5, 1, 12);
  const survey = { keepMs: 15 * day, wallMs, committedMs: wallMs, messages: 0, waitMs: 0 };
  const report = (of: PurgeSurvey, isNow: boolean): string => purgeReport(of, 15 * day, isNow).join("\n");
  const kept = "Messages are kept for 15 days. The clock says 2026-06-01 12:00 UTC.\n";
  expect(report(survey, false)).toBe(`${kept}No message is older.`);
  const many = { ...survey, messages: surveyMessagesMax + 1 };
  expect(report(many, true)).toBe(`${kept}more than 1,000,000 messages are older.`);
  expect(report(many, false)).toContain("deletes them within minutes");
  expect(report({ ...many, waitMs: day }, false)).toContain("at 2026-06-02 12:00 UTC at the earliest");
  expect(report({ ...survey, committedMs: wallMs + day }, false)).toContain(
    "is dated 2026-06-02 12:00 UTC, after that",
  );
});
