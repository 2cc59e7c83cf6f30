// The tables of options and limits in scripts/README.md, each between two markers, as src/options/options.ts,
// src/cli/command-options.ts and src/base/limits/ define them. scripts/generate runs this file, which writes them; a
// structure test compares.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LimitRole } from "../src/base/limits/limit.ts";
import { shownValue } from "../src/base/limits/shown.ts";
import { limitNames, limitTable, writtenNameOf } from "../src/base/limits/table.ts";
import { optionsOf } from "../src/cli/command-options.ts";
import { roles } from "../src/options/option.ts";
import { type OptionName, optionNames, options, optionsOfRole } from "../src/options/options.ts";

/** The file that holds the tables, from the root of the repository. */
export const tablesFile = "scripts/README.md";

const tables: Readonly<Record<string, () => string[]>> = { options: optionsTable, limits: limitsTable };

/** A text with the tables of now between their markers. Throws if a marker is missing. */
export function withTables(text: string): string {
  return Object.entries(tables).reduce((before, [name, rows]) => {
    const [begin, end] = [`<!-- ${name}: written by scripts/generate -->`, `<!-- end of the ${name} -->`];
    const [from, to] = [before.indexOf(begin), before.indexOf(end)];
    if (from === -1 || to < from) throw new Error(`${tablesFile} lacks ${begin} and ${end}`);
    return `${before.slice(0, from)}${begin}\n\n${rows().join("\n")}\n\n${before.slice(to)}`;
  }, text);
}

/** One row per option, with the roles and the commands that take it. */
function optionsTable(): string[] {
  const takersAmongRoles = roles.map((role) => [role, optionsOfRole(role)] as const);
  // The doctor takes the options of the server, and some of its own.
  const ofServer: ReadonlySet<string> = new Set(optionsOf.serve);
  const commands = Object.entries(optionsOf)
    .filter(([command]) => command !== "serve")
    .map(([command, names]) => [command, names.filter((name) => command !== "doctor" || !ofServer.has(name))] as const);
  return [
    "| option | value | default | meaning | roles | commands |",
    "|---|---|---|---|---|---|",
    ...optionNames.map((name) => {
      const { hint, fallback = "", help, isFlag } = options[name];
      const value = isFlag ? "" : code(hint);
      const initial = isFlag || fallback === "" ? "" : code(fallback);
      const cells = [
        code(`--${name}`),
        value,
        initial,
        escaped(help),
        takers(takersAmongRoles, name),
        takers(commands, name),
      ];
      return `| ${cells.join(" | ")} |`;
    }),
  ];
}

function takers(table: readonly (readonly [string, readonly OptionName[]])[], name: OptionName): string {
  const found = table.filter(([, names]) => names.includes(name));
  return found.length === table.length ? "all" : found.map(([taker]) => code(taker)).join(", ");
}

const escaped = (text: string): string => text.replaceAll("|", String.raw`\|`);
const code = (text: string): string => `\`${escaped(text)}\``;

function limitsTable(): string[] {
  return [
    "| `--limit` | default | what it bounds | beyond it | of |",
    "|---|---|---|---|---|",
    ...limitNames.map((name) => {
      const { initial, unit, what, beyond, of } = limitTable[name];
      return `| \`${writtenNameOf(name)}\` | ${shownValue(initial, unit)} | ${what} | ${beyond} | ${limited(of)} |`;
    }),
  ];
}

/** A standalone server has the limits of the services that it holds. */
function limited(of: readonly LimitRole[]): string {
  const members = of.filter((role) => role !== "standalone");
  return members.length === 4 ? "all" : members.map((role) => `\`${role}\``).join(", ");
}

if (import.meta.main) {
  const path = join(import.meta.dir, "..", tablesFile);
  const text = readFileSync(path, "utf8");
  const fresh = withTables(text);
  if (fresh !== text) writeFileSync(path, fresh);
}
