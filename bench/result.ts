// What a scenario found: one object a line, always with the same keys, and behind them what the scenario has to say
// besides.

export type Value = string | number | boolean | null;

/** The keys that every result has, in their order. README.md beside this file says what they mean. */
export const resultKeys = [
  "scenario",
  "transport",
  "topology",
  "store",
  "connections",
  "window",
  "rate",
  "seconds",
  "sent",
  "answered",
  "delivered",
  "lost",
  "duplicated",
  "reordered",
  "per_second",
  "p50_ms",
  "p90_ms",
  "p99_ms",
  "p999_ms",
  "max_ms",
  "server_cpu",
  "generator_cpu",
  "server_rss_mb",
  "valid",
  "share_of_bare",
] as const;

/** What a load found; keys that do not apply are left out. */
export interface Findings {
  /** False when the generator was the bottleneck, or the server doubled or reordered something. */
  readonly valid: boolean;
  readonly [key: string]: Value;
}

/** One whole result: null where a key does not apply. */
export interface Result extends Findings {
  readonly scenario: string;
}

/** Fills in the keys that are missing, puts them into their order, and drops digits that mean nothing. */
export function resultOf(scenario: string, findings: Findings): Result {
  const standard = resultKeys.map((key) => [key, rounded(findings[key] ?? null)] as const);
  const extra = Object.entries(findings)
    .filter(([key]) => !resultKeys.some((known) => known === key))
    .map(([key, value]) => [key, rounded(value)] as const);
  return { ...Object.fromEntries([...standard, ...extra]), scenario, valid: findings.valid };
}

function rounded(value: Value): Value {
  return typeof value === "number" ? Math.round(value * 10_000) / 10_000 : value;
}

/** Reads the lines that `--json` prints. Throws a sentence when a line is something else. */
export function parseResults(text: string, source: string): Result[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line, index) => {
      const parsed = parseLine(line);
      if (parsed === undefined) throw new Error(`${source}: line ${index + 1} is not a result of scripts/bench --json`);
      return parsed;
    });
}

function parseLine(line: string): Result | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const fields: [string, Value][] = [];
  for (const [key, field] of Object.entries(value)) {
    if (typeof field !== "string" && typeof field !== "number" && typeof field !== "boolean" && field !== null)
      return undefined;
    fields.push([key, field]);
  }
  const findings = Object.fromEntries(fields);
  const { scenario, valid } = findings;
  if (typeof scenario !== "string" || typeof valid !== "boolean") return undefined;
  return resultOf(scenario, { ...findings, valid });
}

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

/** As a person reads it; empty for null. */
export function show(value: Value | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "number" ? number.format(value) : String(value);
}

/** One line: what applies, and nothing else. */
export function describe(result: Result): string {
  const fields = Object.entries(result).filter(([key, value]) => key !== "scenario" && value !== null);
  return `${result.scenario}: ${fields.map(([key, value]) => `${key} ${show(value)}`).join(", ")}`;
}
