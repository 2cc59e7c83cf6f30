// Formats the help of commands from citty's definitions: plain text of at most 100 columns, options in groups. Pure.

import type { ArgDef, ArgsDef, CommandMeta } from "citty";
import type { Role } from "../options/option.ts";
import { takesRole } from "./option-texts.ts";
import { optionGroups, optionTable } from "../options/options.ts";

const columns = 100;
const indent = "  ";
/** The column of descriptions; after a longer flag the description begins on the next line. */
const descriptionAt = 34;

/** The part of a command's definition that its help shows. */
export interface Definition {
  readonly meta: CommandMeta & { readonly name: string; readonly description: string };
  readonly args: ArgsDef;
}

type Arg = readonly [name: string, definition: ArgDef];

const examples = `EXAMPLES

  roost                                          start, with data in ./data
  roost --ws 0.0.0.0:8000 --data /var/lib/roost  accept clients on all interfaces
  roost token --account alice                    print a token for a client
  roost chat --account alice --to bob            chat in the terminal
  roost --role discovery                         start a registry node, on port 7171
  roost doctor --ws 0.0.0.0:8000                 check whether such a server would serve well here
  roost nodes --watch                            show the instances in the registry
  roost limits                                   show the limits, and how much of each is used
  roost kick --account mallory                   close an account's connections
  roost revoke --account mallory                 refuse the account's present tokens
  roost api Messages/Send '{"to":"bob","body":"hi"}'   call the HTTP API with the local key
  roost backup messages-monday.db                copy the messages while the server runs
  roost purge --retention 30d                    count the messages older than 30 days
  roost cert --nodes chat-1=10.0.0.5             make an authority and a certificate for a node
`;

const everyOption =
  "Each option can also be set by an environment variable (ROOST_READ_WAIT) or in the TOML file that --config names " +
  '(read-wait = "3m").';

/** Returns the help of the program. */
export function generalHelp(version: string, commands: readonly Pick<Definition, "meta">[]): string {
  return [
    `roost ${version}: an instant-messaging server in one executable`,
    "",
    "USAGE roost [COMMAND] [OPTIONS]",
    "",
    "COMMANDS",
    "",
    ...commands.flatMap(({ meta: { name, description } }) => entry(name, description, 13)),
    "",
    "Run roost COMMAND --help for a command's options, and roost --role ROLE --help for those of a role.",
    "",
    examples,
    ...wrapped(everyOption, columns),
  ].join("\n");
}

/** Returns the help of a command; with `role`, that of `serve` for the role. */
export function commandHelp({ meta, args }: Definition, role: Role | undefined): string {
  const { name, description } = meta;
  const all = Object.entries(args);
  const operands = all.filter(([, { type }]) => type === "positional");
  const operandWords = operands.map(([operand]) => ` ${operand}`).join("");
  const command = name === "serve" ? "" : ` ${name}`;
  const usage =
    role === undefined ? `roost ${name}${operandWords} [OPTIONS]` : `roost${command} --role ${role} [OPTIONS]`;
  const lines = [...wrapped(`${description}.`, columns), "", `USAGE ${usage}`, ""];
  if (operands.length > 0) {
    lines.push(operands.length === 1 ? "ARGUMENT" : "ARGUMENTS", "");
    for (const [operand, { description: text = "" }] of operands) lines.push(...entry(operand, text));
    lines.push("");
  }
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
  if (!takesRole(command)) return [["OPTIONS", flags]];
  const shown = flags.filter(([name]) => {
    const of = optionTable.get(name)?.of ?? [];
    return role === undefined || of.length === 0 || of.includes(role);
  });
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
