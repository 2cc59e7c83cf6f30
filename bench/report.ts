// What a scenario found: one object, printed for a person or as JSON, and written into README.md beside this file.

import { cpus } from "node:os";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** One run. Missing fields do not apply to its scenario. */
export interface Result {
  readonly scenario: string;
  readonly transport: "tcp" | "http" | "udp";
  /** Absent where nothing is stored. */
  readonly store?: string;
  /** Which node of several: its number, or how it stands to the one that was written to. */
  readonly node?: string;
  readonly connections?: number;
  readonly window?: number;
  /** Offered talks, changes or renewals a second; 0 in a closed loop. */
  readonly rate?: number;
  readonly seconds?: number;
  readonly sent?: number;
  readonly answered?: number;
  readonly delivered?: number;
  readonly lost?: number;
  readonly duplicated?: number;
  readonly reordered?: number;
  /** Nodes that were killed, and the clients that lost their node by it, each counted as often. */
  readonly kills?: number;
  readonly affected?: number;
  /** Requests that were answered with a refusal and repeated. */
  readonly refused?: number;
  readonly per_second?: number;
  readonly p50_ms?: number;
  readonly p90_ms?: number;
  readonly p99_ms?: number;
  readonly p999_ms?: number;
  readonly max_ms?: number;
  /** The longest time without a Success of clients that had not lost their node. */
  readonly others_max_ms?: number;
  /** Clients of which a node that joined took over, and as many as it may with chance at its side. */
  readonly moved?: number;
  readonly moved_max?: number;
  /** From the first of many registrations to the last one's answer, and until every watcher holds them all. */
  readonly registered_ms?: number;
  readonly settled_ms?: number;
  /** What all watchers received. */
  readonly received_mb?: number;
  /** Cores. */
  readonly server_cpu?: number;
  /** CPU time that a talk costs all processes of the server, or the one that the line is about. */
  readonly cpu_us_per_talk?: number;
  readonly generator_cpu?: number;
  readonly server_rss_mb?: number;
  readonly bytes_per_connection?: number;
  /** False when the generator was the bottleneck. */
  readonly valid: boolean;
}

const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 2 });

/** One line a field that a person reads. */
export function describe(result: Result): string {
  const fields = Object.entries(result).filter(([name]) => name !== "scenario");
  return `${result.scenario}: ${fields.map(([name, value]) => `${name} ${typeof value === "number" ? number.format(value) : value}`).join(", ")}`;
}

const begin = "<!-- figures: written by scripts/bench --write -->";
const end = "<!-- end of figures -->";

/** Replaces the figures in README.md by these. */
export function writeFigures(results: readonly Result[]): void {
  const path = join(import.meta.dir, "README.md");
  const readme = readFileSync(path, "utf8");
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${path} has no section for figures`);
  const git = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], { cwd: import.meta.dir });
  const commit = git.success ? git.stdout.toString().trim() : "unknown";
  const [processor] = cpus();
  const columns = [
    "scenario",
    "node",
    "seconds",
    "connections",
    "window",
    "rate",
    "per_second",
    "p50_ms",
    "p99_ms",
    "max_ms",
    "others_max_ms",
    "kills",
    "affected",
    "moved",
    "moved_max",
    "lost",
    "registered_ms",
    "settled_ms",
    "received_mb",
    "server_cpu",
    "cpu_us_per_talk",
    "generator_cpu",
    "server_rss_mb",
    "bytes_per_connection",
    "valid",
  ] as const;
  const shown = columns.filter((column) => results.some((result) => result[column] !== undefined));
  const lines = [
    begin,
    "",
    `Commit ${commit}, Bun ${Bun.version}, ${cpus().length} × ${processor?.model ?? "unknown processor"}, server and generator on the same cores, ${new Date().toISOString().slice(0, 10)}.`,
    "",
    `| ${shown.join(" | ")} |`,
    `|${"---|".repeat(shown.length)}`,
    ...results.map((result) => `| ${shown.map((column) => cell(result[column])).join(" | ")} |`),
    "",
    "",
  ];
  writeFileSync(path, readme.slice(0, from) + lines.join("\n").trimEnd() + "\n\n" + readme.slice(to));
}

function cell(value: string | number | boolean | undefined): string {
  if (value === undefined) return "";
  return typeof value === "number" ? number.format(value) : String(value);
}
