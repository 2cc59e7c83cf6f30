// What is reached is computed from results: bounds in both directions, ratios of two results, and a reason where there
// is no figure.

import { expect, test } from "bun:test";
import { goals } from "../../bench/goals.ts";
import { goalTable, type Outcome, outcomesOf } from "../../bench/outcomes.ts";
import { type Findings, type Result, resultOf } from "../../bench/result.ts";
import { scenarios } from "../../bench/scenarios.ts";

function result(scenario: string, findings: Partial<Findings>): Result {
  const { valid = true, ...rest } = findings;
  const fields = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, value ?? null]));
  return resultOf(scenario, { ...fields, valid });
}

const talk = (perSecond: number, findings: Partial<Findings> = {}): Result =>
  result("talk", { transport: "tcp", topology: "standalone", store: "sqlite", per_second: perSecond, ...findings });
const startup = (ms: number): Result => result("startup", { topology: "standalone", store: "sqlite", p50_ms: ms });
const group = (members: number, findings: Partial<Findings>): Result =>
  result("group", { transport: "tcp", window: 4, members, online: 10, ...findings });

/** What came of the goals that something was measured for. */
function measured(...results: readonly Result[]): readonly Pick<Outcome, "figure" | "verdict">[] {
  return outcomesOf(results, { isWhole: false }).map(({ figure, verdict }) => ({ figure, verdict }));
}

function outcomeOf(name: string, outcomes: readonly Outcome[]): Outcome | undefined {
  return outcomes.find(({ goal }) => goal.name.startsWith(name));
}

test.each([
  [80_000, "yes"],
  [79_999, "at least"],
  [40_000, "at least"],
  [39_999, "missed"],
])("of what should be much, %d is: %s", (perSecond, verdict) => {
  expect(measured(talk(perSecond))).toEqual([{ figure: perSecond, verdict }]);
});

test.each([
  [50, "yes"],
  [51, "at least"],
  [100, "at least"],
  [101, "missed"],
])("of what should be little, %d is: %s", (ms, verdict) => {
  expect(measured(startup(ms))).toEqual([{ figure: ms, verdict }]);
});

test("a figure stands in the goal's unit", () => {
  const idle = result("idle", { transport: "ws", bytes_per_connection: 2_400 });
  expect(measured(idle)).toEqual([{ figure: 2.4, verdict: "yes" }]);
});

test("a ratio is that of two results, and is there when both are", () => {
  const few = group(10, { cpu_us_per_talk: 20, per_second: 30_000 });
  const many = group(10_000, { cpu_us_per_talk: 30, per_second: 10_000 });
  expect(measured(few)).toEqual([]);
  expect(measured(few, many)).toEqual([
    { figure: 1.5, verdict: "at least" },
    { figure: 3, verdict: "missed" },
  ]);
  const [ofCpu] = outcomesOf([few, many], { isWhole: false });
  expect(ofCpu?.measurement).toBe("group: tcp, window 4, members 10,000, online 10 / members 10");
});

test("another load than the goal's is not its measurement", () => {
  expect(measured(talk(90_000, { transport: "ws" }), talk(90_000, { topology: "processes" }))).toEqual([]);
  const open = { transport: "tcp", topology: "standalone", store: "sqlite", p99_ms: 1 };
  expect(measured(result("talk-open", open))).toEqual([]);
  expect(measured(result("talk-open", { ...open, rate_share: 0.5 }))).toEqual([{ figure: 1, verdict: "yes" }]);
  expect(measured(result("sync", { messages: 10_000, p50_ms: 1 }))).toEqual([]);
});

test("a goal without a figure says why", () => {
  const failures = new Map([["startup", "the server did not become ready"]]);
  const skipped = result("postgres", { skipped: "PostgreSQL is not installed" });
  const invalid = talk(90_000, { valid: false, doubt: "messages came twice" });
  const outcomes = outcomesOf([skipped, invalid], { failures, isWhole: true });
  expect(outcomes).toHaveLength(goals.length);
  expect(outcomes.map(({ figure }) => figure)).toEqual(goals.map(() => undefined));
  expect(outcomeOf("from exec", outcomes)?.verdict).toBe("failed: the server did not become ready");
  expect(outcomeOf("durable talks in", outcomes)?.verdict).toBe("skipped: PostgreSQL is not installed");
  expect(outcomeOf("durable talks", outcomes)?.verdict).toBe("invalid: messages came twice");
  expect(outcomeOf("memory", outcomes)?.verdict).toBe("not measured");
});

test("what a scenario found before it failed counts", () => {
  const failures = new Map([["idle", "the server ended"]]);
  const idle = result("idle", { transport: "tcp", bytes_per_connection: 1_000 });
  const outcomes = outcomesOf([idle], { failures, isWhole: false });
  expect(outcomes.map(({ verdict }) => verdict)).toEqual(["yes", "failed: the server ended"]);
});

test("a measurement that nothing tells from others is its scenario", () => {
  expect(outcomesOf([startup(60)], { isWhole: false }).map(({ measurement }) => measurement)).toEqual(["startup"]);
});

test("the table shows the bounds with their direction", () => {
  const idle = result("idle", { transport: "ws", connections: 15_000, bytes_per_connection: 3_000 });
  const [head, , line] = goalTable(outcomesOf([idle], { isWhole: false })).split("\n");
  const cells = (text = ""): string[] => text.split("|").map((cell) => cell.trim());
  expect(cells(head)).toContain("at least");
  expect(cells(line)).toEqual(
    expect.arrayContaining(["3", "KB", "≤ 4", "≤ 2.5", "at least", "idle: ws, connections 15,000"]),
  );
});

test("every goal is measured by a scenario that there is, and its aim lies beyond its bound", () => {
  const names = scenarios.map(({ name }) => name);
  for (const { scenario, better, atLeast, aim } of goals) {
    expect(names).toContain(scenario);
    expect(better === "higher" ? aim - atLeast : atLeast - aim).toBeGreaterThan(0);
  }
});
