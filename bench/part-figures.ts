// The figures of some scenarios among those of a whole run: their rows and tables take the place of the former ones,
// and say where and when they were measured; all others stay as they are. Pure: Markdown in, Markdown out.

import { goals } from "./goals.ts";
import { goalCells, goalHead, type Outcome } from "./outcomes.ts";
import type { Result } from "./result.ts";
import { alignedTable, cellsOf, scenarioTables } from "./tables.ts";

/** A run of some scenarios. */
export interface PartRun {
  readonly results: readonly Result[];
  /** Of all goals of these scenarios. */
  readonly outcomes: readonly Outcome[];
  /** The names of these scenarios. */
  readonly scenarios: readonly string[];
  /** Where and when it was made, as a sentence. */
  readonly about: string;
  /** The same in a cell. */
  readonly mark: string;
}

/** The column that says where and when the rows of a part were measured; those of the whole run leave it empty. */
const markColumn = "measured apart";
const note = "Rows and tables that name a commit of their own were measured apart, later.";

/** Returns the part about goals, with the rows of a run. Throws a sentence if it has no such table. */
export function reachWith(reach: string, { outcomes, scenarios, mark }: PartRun): string {
  const lines = reach.split("\n");
  const from = lines.findIndex((line) => line.startsWith("|"));
  const [head = [], , ...rows] = lines
    .slice(Math.max(0, from))
    .filter((line) => line !== "")
    .map(cellsOf);
  const columns = [...goalHead, markColumn].map((column) => head.indexOf(column));
  if (columns.slice(0, goalHead.length).includes(-1))
    throw new Error("the table of goals is another one: --write without --scenario makes it anew");
  const former = new Map(rows.map((row) => [row[0], columns.map((column) => row[column] ?? "")]));
  const merged = goals.map(({ name, scenario }) => {
    if (!scenarios.includes(scenario)) return former.get(name);
    const outcome = outcomes.find(({ goal }) => goal.name === name);
    return outcome && [...goalCells(outcome), mark];
  });
  const table = alignedTable(
    [...goalHead, markColumn],
    merged.filter((row) => row !== undefined),
  );
  return `${noted(lines.slice(0, from).join("\n"))}\n\n${table}`;
}

/** Returns the part with the tables of all scenarios, with those of a run; `order`: of the names of scenarios. */
export function figuresWith(figures: string, { results, scenarios, about }: PartRun, order: readonly string[]): string {
  const [before = "", ...former] = figures.split(/^(?=### )/m);
  const scenarioOf = (section: string): string => {
    const [, heading = ""] = /^### (.*)/.exec(section) ?? [];
    const isOf = (name: string): boolean => heading === name || heading.startsWith(`${name}-`);
    // Of `registry-dns-mixed` that is registry-dns, rather than registry.
    return order.filter(isOf).toSorted((one, other) => other.length - one.length)[0] ?? heading;
  };
  const names = [...new Set(results.map(({ scenario }) => scenario))];
  const fresh = names.map((name) =>
    scenarioTables(results.filter(({ scenario }) => scenario === name)).replace("\n\n", () => `\n\n${about}\n\n`),
  );
  const sections = [...former.filter((section) => !scenarios.includes(scenarioOf(section))), ...fresh]
    .map((section) => ({ section: section.trim(), place: order.indexOf(scenarioOf(section)) }))
    .toSorted((one, other) => one.place - other.place);
  return [noted(before), ...sections.map(({ section }) => section)].join("\n\n");
}

/** What is said about the whole run, with the note about parts. */
function noted(about: string): string {
  const told = about.trim();
  return told.endsWith(note) ? told : `${told} ${note}`;
}
