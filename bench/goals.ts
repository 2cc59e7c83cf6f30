// What is to be reached: a figure of some result each, how far it has to come at least, and how far it is meant to
// come. Pure: results in, rows of a table out.

import { type Result, show, type Value } from "./result.ts";
import { secureTransports } from "./server/target.ts";
import { circumstancesOf, markdownTable } from "./tables.ts";

type Match = Readonly<Record<string, Value>>;

export interface Goal {
  readonly name: string;
  /** The scenario that measures it. */
  readonly scenario: string;
  /** A result that has these values is the measurement; null: the result has no such value. */
  readonly of: Match;
  /** Then the figure is how many times that of this other measurement it is. */
  readonly against?: Match;
  readonly figure: string;
  readonly unit: string;
  /** The figure in the result, times this, is in that unit; default 1. */
  readonly scale?: number;
  readonly better: "higher" | "lower";
  readonly atLeast: number;
  readonly aim: number;
}

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
  "connections",
  "window",
  "rate",
  "members",
  "online",
  "messages",
  "conversations",
  "rows",
] as const;
const gateway = { scenario: "gateway", transport: "tcp", connections: 1_000 } as const;
const group = { scenario: "group", transport: "tcp", window: 4 } as const;
const [fewMembers, manyMembers] = [
  { ...group, members: 10, online: 10 },
  { ...group, members: 10_000, online: 10 },
] as const;

export const goals: readonly Goal[] = [
  {
    name: "gateway's round trip, 1 in flight, against the bare echo server",
    scenario: "gateway",
    of: { ...gateway, window: 1 },
    figure: "share_of_bare",
    unit: "%",
    scale: 100,
    better: "higher",
    atLeast: 60,
    aim: 80,
  },
  {
    name: "gateway's round trip, 4 in flight, against the bare echo server",
    scenario: "gateway",
    of: { ...gateway, window: 4 },
    figure: "share_of_bare",
    unit: "%",
    scale: 100,
    better: "higher",
    atLeast: 50,
    aim: 75,
  },
  {
    name: "durable talks",
    scenario: "talk",
    of: { scenario: "talk", transport: "tcp", topology: "standalone", store: "sqlite" },
    figure: "per_second",
    unit: "a second",
    better: "higher",
    atLeast: 40_000,
    aim: 80_000,
  },
  {
    name: "p99 of a talk's answer at half that rate",
    scenario: "talk",
    of: { scenario: "talk-open", transport: "tcp", topology: "standalone", store: "sqlite", rate_share: 0.5 },
    figure: "p99_ms",
    unit: "ms",
    better: "lower",
    atLeast: 20,
    aim: 8,
  },
  {
    name: "deliveries to distinct connections, group of 1,000 online",
    scenario: "group",
    of: { ...group, members: 1_000, online: 1_000 },
    figure: "pushes_per_second",
    unit: "a second",
    better: "higher",
    atLeast: 200_000,
    aim: 300_000,
  },
  {
    name: "CPU of a group's message, of 10,000 members against 10, with 10 online",
    scenario: "group",
    of: manyMembers,
    against: fewMembers,
    figure: "cpu_us_per_talk",
    unit: "times",
    better: "lower",
    atLeast: 2,
    // Equal: two runs of the same group differ by as much.
    aim: 1.1,
  },
  {
    name: "talks in a group, of 10 members against 10,000, with 10 online",
    scenario: "group",
    of: fewMembers,
    against: manyMembers,
    figure: "per_second",
    unit: "times",
    better: "lower",
    atLeast: 2,
    aim: 1.1,
  },
  {
    name: "memory of an idle connection, TCP",
    scenario: "idle",
    of: { scenario: "idle", transport: "tcp" },
    figure: "bytes_per_connection",
    unit: "KB",
    scale: 1 / 1_000,
    better: "lower",
    atLeast: 3,
    aim: 1.8,
  },
  {
    name: "memory of an idle connection, WebSocket",
    scenario: "idle",
    of: { scenario: "idle", transport: "ws" },
    figure: "bytes_per_connection",
    unit: "KB",
    scale: 1 / 1_000,
    better: "lower",
    atLeast: 4,
    aim: 2.5,
  },
  ...secureTransports.flatMap((transport): Goal[] => [
    {
      name: `full handshakes, ${transport}://`,
      scenario: "tls",
      of: { scenario: "tls-handshake", transport },
      figure: "per_second",
      unit: "a second",
      better: "higher",
      atLeast: 2_000,
      aim: 3_000,
    },
    {
      name: `durable talks over ${transport}://, against those without TLS`,
      scenario: "tls",
      of: { scenario: "tls-talk", transport },
      figure: "share_of_plain",
      unit: "%",
      scale: 100,
      better: "higher",
      atLeast: 60,
      aim: 90,
    },
    {
      name: `memory of an idle connection, ${transport}://, beyond one without TLS`,
      scenario: "tls",
      of: { scenario: "tls-idle", transport },
      figure: "bytes_more_than_plain",
      unit: "KB",
      scale: 1 / 1_000,
      better: "lower",
      atLeast: 6,
      aim: 5,
    },
  ]),
  {
    name: "10,000 waiting messages synced to one client, ten million rows in the store",
    scenario: "sync",
    of: { scenario: "sync", messages: 10_000, rows: 10_000_000 },
    figure: "p50_ms",
    unit: "ms",
    better: "lower",
    atLeast: 500,
    aim: 150,
  },
  {
    name: "50 newest messages of a history, ten million rows, beside talks",
    scenario: "history",
    of: { scenario: "history", rows: 10_000_000 },
    figure: "p50_ms",
    unit: "ms",
    better: "lower",
    atLeast: 2,
    aim: 1,
  },
  {
    name: "50 messages of a history, anywhere and cold, ten million rows, beside talks",
    scenario: "history",
    of: { scenario: "history-cold", rows: 10_000_000 },
    figure: "p50_ms",
    unit: "ms",
    better: "lower",
    atLeast: 20,
    aim: 10,
  },
  {
    name: "first 50 of 500 conversations with unread counts, p50, beside talks",
    scenario: "conversations",
    of: { scenario: "conversations", conversations: 500, rows: 10_000_000 },
    figure: "p50_ms",
    unit: "ms",
    better: "lower",
    atLeast: 5,
    aim: 2.5,
  },
  {
    name: "first 50 of 500 conversations with unread counts, p99, beside talks",
    scenario: "conversations",
    of: { scenario: "conversations", conversations: 500, rows: 10_000_000 },
    figure: "p99_ms",
    unit: "ms",
    better: "lower",
    atLeast: 30,
    aim: 15,
  },
  {
    name: "first 50 of 10,000 conversations with unread counts, p99, beside talks",
    scenario: "conversations",
    of: { scenario: "conversations", conversations: 10_000, rows: 10_000_000 },
    figure: "p99_ms",
    unit: "ms",
    better: "lower",
    atLeast: 100,
    aim: 50,
  },
  {
    name: "500 conversations and 200 groups: from connecting to the whole list, p99",
    scenario: "conversations",
    of: { scenario: "conversations-sign-in", conversations: 700, rows: 10_000_000 },
    figure: "p99_ms",
    unit: "ms",
    better: "lower",
    atLeast: 50,
    aim: 25,
  },
  {
    name: "read cursors moved, ten million rows, beside talks",
    scenario: "receipts",
    of: { scenario: "receipts", topology: "standalone", store: "sqlite", rows: 10_000_000 },
    figure: "per_second",
    unit: "a second",
    better: "higher",
    atLeast: 20_000,
    aim: 40_000,
  },
  {
    name: "read cursors moved in a cluster with PostgreSQL, beside talks",
    scenario: "receipts",
    of: { scenario: "receipts", store: "postgres", node: null },
    figure: "per_second",
    unit: "a second",
    better: "higher",
    atLeast: 5_000,
    aim: 10_000,
  },
  {
    name: "a recalled text, from its Success until no node shows it, the longest",
    scenario: "recalls",
    of: { scenario: "recalls", store: "postgres" },
    figure: "max_ms",
    unit: "ms",
    better: "lower",
    atLeast: 100,
    aim: 50,
  },
  {
    name: "from exec to ready, standalone",
    scenario: "startup",
    of: { scenario: "startup" },
    figure: "p50_ms",
    unit: "ms",
    better: "lower",
    atLeast: 100,
    aim: 50,
  },
  {
    name: "others' p99 under the worst attack, against a quiet run",
    scenario: "hostile",
    of: { scenario: "hostile", attack: "all" },
    figure: "p99_ratio",
    unit: "times",
    better: "lower",
    atLeast: 3,
    aim: 2,
  },
  {
    name: "the server's memory after the worst attack, against before",
    scenario: "hostile",
    of: { scenario: "hostile", attack: "all" },
    figure: "memory_ratio",
    unit: "times",
    better: "lower",
    atLeast: 1.2,
    aim: 1.1,
  },
  {
    name: "a gateway with 5,000 clients dies: until the last one is back",
    scenario: "returns",
    of: { scenario: "returns", connections: 5_000, refused: 0 },
    figure: "max_ms",
    unit: "s",
    scale: 1 / 1_000,
    better: "lower",
    atLeast: 10,
    aim: 5,
  },
  {
    name: "durable talks in a cluster with PostgreSQL",
    scenario: "postgres",
    of: { scenario: "postgres", node: null },
    figure: "per_second",
    unit: "a second",
    better: "higher",
    atLeast: 10_000,
    aim: 25_000,
  },
];

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

/** As Markdown, and as a person reads it in a terminal: the cells of a column are as wide as the widest. */
export function goalTable(outcomes: readonly Outcome[]): string {
  const head = ["what", "figure", "unit", "at least", "aim", "reached", "measured by"];
  const lines = outcomes.map(({ goal, figure, verdict, measurement }) => {
    const sign = goal.better === "higher" ? "≥" : "≤";
    return [
      goal.name,
      show(figure),
      goal.unit,
      `${sign} ${show(goal.atLeast)}`,
      `${sign} ${show(goal.aim)}`,
      verdict,
      measurement,
    ];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0)));
  const padded = (line: readonly string[]): string[] => line.map((cell, column) => cell.padEnd(widths[column] ?? 0));
  return markdownTable(padded(head), lines.map(padded));
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
