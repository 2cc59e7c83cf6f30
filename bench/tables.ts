// Results as Markdown: a small table for each scenario, with only those columns that have something in them.

import { type Result, show, type Value } from "./result.ts";

/** What a run was given. What all lines of a scenario share stands above its table instead of in a column. */
const circumstances = [
  "transport",
  "topology",
  "store",
  "standbys",
  "connections",
  "window",
  "rate",
  "seconds",
  "members",
  "online",
  "senders",
  "messages",
  "conversations",
  "rows",
  "kills",
  "attack",
] as const;
/** Counts of a run that succeeded say nothing that a table could not do without. */
const unshown = ["scenario", "sent", "answered", "delivered", "lost", "duplicated", "reordered", "p90_ms", "p999_ms"];

/** A Markdown table; a line of cells each. */
export function markdownTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  // A bar would end the cell, and a new line the table.
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [row(head), `|${"---|".repeat(head.length)}`, ...lines.map(row)].join("\n");
}

/** The same, as a person reads it in a terminal: the cells of a column are as wide as the widest. */
export function alignedTable(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0)));
  const padded = (line: readonly string[]): string[] => line.map((cell, column) => cell.padEnd(widths[column] ?? 0));
  return markdownTable(padded(head), lines.map(padded));
}

/** The cells of a line of a table, as they were given. */
export function cellsOf(line: string): string[] {
  const cells = line.split(/(?<!\\)\|/).slice(1, -1);
  return cells.map((cell) => cell.trim().replaceAll("\\|", "|"));
}

/** A heading, what all lines share, and a table, for each scenario in the order of the results. */
export function scenarioTables(results: readonly Result[]): string {
  const names = new Set(results.map(({ scenario }) => scenario));
  return [...names]
    .map((name) =>
      scenarioTable(
        name,
        results.filter(({ scenario }) => scenario === name),
      ),
    )
    .join("\n\n");
}

/**
 * What a run was given, as a person reads it: `tcp, standalone, sqlite, connections 100` and so on, or some of that.
 */
export function circumstancesOf(
  result: Readonly<Record<string, Value>>,
  keys: readonly (typeof circumstances)[number][] = circumstances,
): string {
  return keys
    .map((key) => ({ key, value: result[key] ?? null }))
    .filter(({ value }) => value !== null)
    .map(({ key, value }) => (typeof value === "number" ? `${key} ${show(value)}` : show(value)))
    .join(", ");
}

function scenarioTable(name: string, results: readonly Result[]): string {
  const given = [...new Set(results.flatMap((result) => Object.keys(result)))].filter(
    (key) => !unshown.includes(key) && results.some((result) => isGiven(result, key)),
  );
  const isCircumstance = (key: string): boolean => circumstances.some((known) => known === key);
  const isShared = (key: string): boolean => valuesOf(results, key).size === 1;
  const areValid = results.every(({ valid }) => valid);
  const isFigure = (key: string): boolean => !isCircumstance(key) && key !== "node" && !(key === "valid" && areValid);
  const columns = [
    ...circumstances.filter((key) => given.includes(key) && !isShared(key)),
    ...given.filter((key) => key === "node"),
    ...given.filter(isFigure),
  ];
  const shared = circumstances.filter(isShared).map((key) => [key, [...valuesOf(results, key)][0] ?? null] as const);
  const table = markdownTable(
    columns,
    results.map((result) => columns.map((key) => show(result[key]))),
  );
  return [`### ${name}`, circumstancesOf(Object.fromEntries(shared)), table].filter((part) => part !== "").join("\n\n");
}

function isGiven(result: Result, key: string): boolean {
  return (result[key] ?? null) !== null;
}

/** Those that a key has; lines about single processes leave out what stands in the whole's. */
function valuesOf(results: readonly Result[], key: string): ReadonlySet<Value> {
  return new Set(results.filter((result) => isGiven(result, key)).map((result) => result[key] ?? null));
}
