// What is written into the bench's README: all of it by a whole run, and by a run of some scenarios what belongs to
// them, with the commit, the day and the machine.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withFigures } from "../../bench/figures.ts";
import { goals } from "../../bench/goals.ts";
import { outcomesOf } from "../../bench/outcomes.ts";
import { figuresWith, reachWith } from "../../bench/part-figures.ts";
import { type Result, resultOf } from "../../bench/result.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { cellsOf, markdownTable } from "../../bench/tables.ts";

const order = scenarios.map(({ name }) => name);
const readme = [
  "# Bench",
  "<!-- reach: written by scripts/bench --write -->",
  "<!-- end of reach -->",
  "between",
  "<!-- figures: written by scripts/bench --write -->",
  "<!-- end of figures -->",
  "behind",
].join("\n");

const talk = (perSecond: number): Result =>
  resultOf("talk", { transport: "tcp", topology: "standalone", store: "sqlite", per_second: perSecond, valid: true });
const startup = resultOf("startup", { topology: "standalone", store: "sqlite", p50_ms: 70, valid: true });
const api = (perSecond: number): Result =>
  resultOf("api", { accounts: 1, connections: 64, per_second: perSecond, valid: true });
const apiOpen = resultOf("api-open", { rate_share: 0.5, connections: 64, p99_ms: 4, valid: true });

/** A run of these scenarios; of all of them if none is named. */
function written(text: string, results: readonly Result[], ...names: string[]): string {
  const isOf = (scenario: string): boolean => names.length === 0 || names.includes(scenario);
  const outcomes = outcomesOf(results, { isWhole: true }).filter(({ goal }) => isOf(goal.scenario));
  return withFigures(
    text,
    { results, outcomes, seconds: 5 },
    names.length === 0 ? undefined : { scenarios: names, order },
  );
}

const whole = written(readme, [startup, talk(90_000)]);
const linesWith = (text: string, part: string): string[] => text.split("\n").filter((line) => line.includes(part));
const sections = (text: string): string[] =>
  text
    .split(/^### /m)
    .slice(1)
    .map((section) => section.split("\n", 1)[0] ?? "");

test("a whole run writes all goals and tables, under one line that says where and when", () => {
  expect(whole).toMatch(/^# Bench\n<!-- reach[^]*<!-- end of reach -->\nbetween\n<!-- figures[^]*\nbehind$/);
  expect(linesWith(whole, "| ").filter((line) => goals.some(({ name }) => line.startsWith(`| ${name} `)))).toHaveLength(
    goals.length,
  );
  expect(linesWith(whole, "Commit ")).toHaveLength(2);
  expect(whole).not.toContain("measured apart");
  expect(sections(whole)).toEqual(["startup", "talk"]);
  expect(written(whole, [startup, talk(90_000)])).toBe(whole);
});

test("a run of some scenarios replaces their rows and tables, and no others", () => {
  const part = written(whole, [api(9_000), apiOpen], "api");
  expect(sections(part)).toEqual(["startup", "talk", "api", "api-open"]);
  const table = part
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map(cellsOf);
  const rows = new Map(table.map((cells) => [cells[0], cells]));
  for (const { name, scenario } of goals) {
    const [before] = linesWith(whole, `| ${name} `).map(cellsOf);
    const after = rows.get(name) ?? [];
    if (scenario === "api") expect(after.at(-1)).toMatch(/^[0-9a-f]{7,}, \d{4}-\d\d-\d\d, \d+ × ./);
    else expect(after).toEqual([...(before ?? []), ""]);
  }
  const [asked, p99, many] = goals.filter(({ scenario }) => scenario === "api").map(({ name }) => rows.get(name));
  expect(asked?.slice(1, 6)).toEqual(["9,000", "a second", "≥ 8,000", "≥ 12,000", "at least"]);
  expect(p99?.slice(1, 6)).toEqual(["4", "ms", "≤ 10", "≤ 5", "yes"]);
  expect(many?.slice(1, 6)).toEqual(["", "a second", "≥ 50,000", "≥ 75,000", "not measured"]);
  for (const heading of ["api", "api-open"])
    expect(part).toMatch(new RegExp(`^### ${heading}\n\nCommit [0-9a-f]{7,}, Bun`, "m"));
  expect(part).toMatch(/^### talk\n\ntcp/m);
  expect(linesWith(part, "of their own were measured apart, later.")).toHaveLength(2);
});

test("a part is written again in its place, and a whole run takes everything", () => {
  const first = written(written(whole, [api(9_000), apiOpen], "api"), [talk(70_000)], "talk");
  const again = written(first, [api(13_000)], "api");
  expect(sections(again)).toEqual(["startup", "talk", "api"]);
  expect(linesWith(again, "13,000")).toHaveLength(2);
  expect(linesWith(again, "70,000")).toHaveLength(2);
  expect(linesWith(again, "9,000")).toEqual([]);
  expect(linesWith(again, "of their own were measured apart, later.")).toHaveLength(2);
  expect(written(again, [startup, talk(90_000)])).toBe(whole);
});

test("the tables of a scenario are those that begin with its name, and with no longer one's", () => {
  const tables = ["registry", "registry-renewals", "registry-dns", "registry-dns-mixed"].map(
    (name) => `### ${name}\n\nold`,
  );
  const run = {
    results: [resultOf("registry-dns", { per_second: 5, valid: true })],
    outcomes: [],
    about: "Now.",
    mark: "now",
  };
  const text = figuresWith(["Then.", ...tables].join("\n\n"), { ...run, scenarios: ["registry-dns"] }, order);
  expect(sections(text)).toEqual(["registry", "registry-renewals", "registry-dns"]);
  expect(text).toContain("### registry-dns\n\nNow.\n\n| per_second |");
});

test("a table of goals with other columns is refused", () => {
  const run = { results: [], outcomes: [], scenarios: ["api"], about: "Now.", mark: "now" };
  for (const reach of ["Then.", "Then.\n\n| what | figure |\n|---|---|\n| talks | 1 |"])
    expect(() => reachWith(reach, run)).toThrow("--write without --scenario makes it anew");
});

test("the cells of a line are those that were written", () => {
  const cells = ["a | b", "", "c"];
  expect(cellsOf(markdownTable(cells, []).split("\n")[0] ?? "")).toEqual(cells);
});

test("the README of the bench takes a part, and every table there is of a scenario", () => {
  const own = readFileSync(join(import.meta.dir, "../../bench/README.md"), "utf8");
  const part = written(own, [startup], "startup");
  expect(sections(part).toSorted()).toEqual(sections(own).toSorted());
  const isOfScenario = (heading: string): boolean =>
    order.some((name) => heading === name || heading.startsWith(`${name}-`));
  expect(sections(part).filter((heading) => !isOfScenario(heading))).toEqual([]);
});
