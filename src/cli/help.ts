// What --help shows of citty's definitions: plain text of at most 100 columns, options in groups. Pure.

import type { ArgDef, ArgsDef, CommandMeta } from "citty";
import { optionGroups, optionTable, type Role } from "../options/options.ts";

const columns = 100;
const indent = "  ";
/** Where descriptions begin; after a longer flag they begin on the next line. */
const descriptionAt = 34;

/** A command's definition, as far as its help shows it. */
export interface Definition {
  readonly meta: CommandMeta & { readonly name: string; readonly description: string };
  readonly args: ArgsDef;
}

type Arg = readonly [name: string, definition: ArgDef];

const examples = `EXAMPLES

  roost                                          start, with data in ./data
  roost --ws 0.0.0.0:8000 --data /var/lib/roost  listen for everybody
  roost token --account alice                    a token for a client
  roost chat --account alice --to bob            talk
  roost --role discovery                         a node of the registry, on port 7171
  roost nodes --watch                            what it holds
  roost limits                                   what is bounded, and how much of it is used
  roost kick --account mallory                   end an account's connections
  roost revoke --account mallory                 refuse the tokens that it has
  roost backup messages-monday.db                copy the messages, while the server runs
  roost purge --retention 30d                    how many messages are older
`;

const everyOption =
  'Every option can be a flag, a variable (ROOST_READ_WAIT) or a line of a TOML file (read-wait = "3m", --config ' +
  "FILE).";

/** The help of the program. */
export function generalHelp(version: string, commands: readonly Definition[]): string {
  return [
    `roost ${version}: an instant-messaging server in one executable`,
    "",
    "USAGE roost [COMMAND] [OPTIONS]",
    "",
    "COMMANDS",
    "",
    ...commands.flatMap(({ meta: { name, description } }) => entry(name, description, 12)),
    "",
    "roost COMMAND --help shows a command's options, roost --role ROLE --help those of a role.",
    "",
    examples,
    ...wrapped(everyOption, columns),
  ].join("\n");
}

/** The help of a command; of `serve` with a role that of the role. */
export function commandHelp({ meta, args }: Definition, role: Role | undefined): string {
  const { name, description } = meta;
  const all = Object.entries(args);
  const operands = all.filter(([, { type }]) => type === "positional");
  const operandWords = operands.map(([operand]) => ` ${operand}`).join("");
  const usage = role === undefined ? `roost ${name}${operandWords} [OPTIONS]` : `roost --role ${role} [OPTIONS]`;
  const lines = [...wrapped(`${description}.`, columns), "", `USAGE ${usage}`, ""];
  for (const [operand, { description: text = "" }] of operands) lines.push("ARGUMENT", "", ...entry(operand, text), "");
  const flags = all.filter(([, { type }]) => type !== "positional");
  for (const [title, group] of groupsOf(name, flags, role)) {
    lines.push(title, "", ...group.flatMap((flag) => entry(shownFlag(flag), flag[1].description ?? "")), "");
  }
  if (flags.length > 0) lines.push(...wrapped(everyOption, columns));
  return lines.join("\n").trimEnd();
}

function groupsOf(
  command: string,
  flags: readonly Arg[],
  role: Role | undefined,
): (readonly [title: string, flags: readonly Arg[]])[] {
  if (flags.length === 0) return [];
  if (command !== "serve") return [["OPTIONS", flags]];
  const shown = flags.filter(([name]) => role === undefined || optionTable.get(name)?.of.includes(role) === true);
  return Object.entries(optionGroups)
    .map(([title, group]) => [title, shown.filter(([name]) => name in group)] as const)
    .filter(([, group]) => group.length > 0);
}

function shownFlag([name, { type, valueHint }]: Arg): string {
  return type === "boolean" ? `--${name}` : `--${name}=<${valueHint}>`;
}

function entry(term: string, text: string, at = descriptionAt): string[] {
  const [first = "", ...others] = wrapped(text, columns - at);
  const head = `${indent}${term}`;
  const rest = others.map((line) => " ".repeat(at) + line);
  if (head.length + indent.length > at) return [head, " ".repeat(at) + first, ...rest];
  return [head.padEnd(at) + first, ...rest];
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
