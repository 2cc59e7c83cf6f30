// What came of the goals. Pure: results in, rows of a table out.

import { type Goal, goals, type Match } from "./goals.ts";
import { type Result, show } from "./result.ts";
import { alignedTable, circumstancesOf } from "./tables.ts";

/** What came of a goal. */
export interface Outcome {
  readonly goal: Goal;
  /** In the goal's unit; undefined if there is none; the verdict says why. */
  readonly figure: number | undefined;
  /** `yes`: the aim; `at least`: the bound. */
  readonly verdict: string;
  /** The measurement, for who looks for it among all results. */
  readonly measurement: string;
}

const notMeasured = "not measured";
/** What tells a measurement from others of its scenario. */
const identity = [
  "transport",
  "standbys",
  "connections",
  "window",
  "rate",
  "members",
  "online",
  "messages",
  "conversations",
  "rows",
] as const;
/**
 * What came of each goal. `failures`: why scenarios have no figures, or not all of them, by their names. `isWhole`: all
 * scenarios were to be run; else goals are left out that nothing was measured for.
 */
export function outcomesOf(
  results: readonly Result[],
  { failures = new Map(), isWhole }: { readonly failures?: ReadonlyMap<string, string>; readonly isWhole: boolean },
): Outcome[] {
  return goals
    .map((goal) => outcomeOf(goal, results, failures.get(goal.scenario)))
    .filter(({ verdict }) => isWhole || verdict !== notMeasured);
}

/** The columns of a table of goals. */
export const goalHead = ["what", "figure", "unit", "at least", "aim", "reached", "measured by"] as const;

/** The line of a goal in such a table. */
export function goalCells({ goal, figure, verdict, measurement }: Outcome): string[] {
  const sign = goal.better === "higher" ? "≥" : "≤";
  const bounds = [`${sign} ${show(goal.atLeast)}`, `${sign} ${show(goal.aim)}`];
  return [goal.name, show(figure), goal.unit, ...bounds, verdict, measurement];
}

/** As Markdown, and as a person reads it in a terminal. */
export function goalTable(outcomes: readonly Outcome[]): string {
  return alignedTable(goalHead, outcomes.map(goalCells));
}

function outcomeOf(goal: Goal, results: readonly Result[], failure: string | undefined): Outcome {
  const matches = [goal.of, ...(goal.against === undefined ? [] : [goal.against])];
  const found = matches.map((match) => results.find((result) => isMatch(result, match)));
  const measured = found.filter((result) => result !== undefined);
  const without = (verdict: string): Outcome => ({ goal, figure: undefined, verdict, measurement: goal.scenario });
  if (measured.length < matches.length) return without(failure === undefined ? notMeasured : `failed: ${failure}`);
  const skipped = measured.find((result) => typeof result["skipped"] === "string");
  if (skipped !== undefined) return without(`skipped: ${show(skipped["skipped"])}`);
  const invalid = measured.find(({ valid }) => !valid);
  if (invalid !== undefined) return without(`invalid: ${show(invalid["doubt"]) || "see its result"}`);
  const [own = NaN, other = 1] = measured.map((result) => Number(result[goal.figure] ?? NaN));
  const figure = (own / other) * (goal.scale ?? 1);
  if (!Number.isFinite(figure)) return without(`failed: its result has no ${goal.figure}`);
  const measurement = measured.map((result) => measurementOf(result, measured)).join(" / ");
  return { goal, figure, verdict: verdictOn(goal, figure), measurement };
}

/** Of several, only the first one says what they all share. */
function measurementOf(result: Result, all: readonly Result[]): string {
  if (result === all[0])
    return [result.scenario, circumstancesOf(result, identity)].filter((part) => part !== "").join(": ");
  return circumstancesOf(
    result,
    identity.filter((key) => all.some((other) => other[key] !== result[key])),
  );
}

function isMatch(result: Result, match: Match): boolean {
  return Object.entries(match).every(([key, value]) => (result[key] ?? null) === value);
}

function verdictOn({ better, atLeast, aim }: Goal, figure: number): string {
  const reaches = (bound: number): boolean => (better === "higher" ? figure >= bound : figure <= bound);
  if (reaches(aim)) return "yes";
  return reaches(atLeast) ? "at least" : "missed";
}
