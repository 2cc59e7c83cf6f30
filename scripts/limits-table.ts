// The table of limits in README.md, between its two markers, as base/limits/ has it. Run by scripts/generate, which writes
// it; a structure test compares.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LimitRole } from "../src/base/limits/limit.ts";
import { shownValue } from "../src/base/limits/shown.ts";
import { limitNames, limitTable, writtenNameOf } from "../src/base/limits/table.ts";

const begin = "<!-- limits: written by scripts/generate -->";
const end = "<!-- end of the limits -->";

/** The lines between the markers. */
export function limitsTable(): string[] {
  return [
    "| `--limit` | default | what it bounds | beyond it | of |",
    "|---|---|---|---|---|",
    ...limitNames.map((name) => {
      const { initial, unit, what, beyond, of } = limitTable[name];
      return `| \`${writtenNameOf(name)}\` | ${shownValue(initial, unit)} | ${what} | ${beyond} | ${roles(of)} |`;
    }),
  ];
}

/** A text with the table of now between its markers. Throws when they are not there. */
export function withLimits(readme: string): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`README.md lacks ${begin} and ${end}`);
  return `${readme.slice(0, from)}${begin}\n\n${limitsTable().join("\n")}\n\n${readme.slice(to)}`;
}

/** A standalone server has the limits of the services that it holds. */
function roles(of: readonly LimitRole[]): string {
  const members = of.filter((role) => role !== "standalone");
  return members.length === 4 ? "all" : members.map((role) => `\`${role}\``).join(", ");
}

if (import.meta.main) {
  const path = join(import.meta.dir, "../README.md");
  const readme = readFileSync(path, "utf8");
  const fresh = withLimits(readme);
  if (fresh !== readme) writeFileSync(path, fresh);
}
