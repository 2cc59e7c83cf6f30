// What --help shows: plain text of at most 100 columns, options in groups. Pure.

import {
  groupsOfServe,
  type Operand,
  options,
  type OptionName,
  optionsOf,
  optionsOfRole,
  type roles,
  textsOf,
} from "./options.ts";

const columns = 100;
const indent = "  ";
/** Where descriptions begin; after a longer flag they begin on the next line. */
const descriptionAt = 34;

/** A command as its help shows it. */
export interface CommandHelp {
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionName[];
  readonly operand: Operand | undefined;
}

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
  'Every option can be a flag, a variable (ROOST_READ_WAIT) or a line of a TOML file (read-wait = "3m", --config FILE).';

/** The help of the program. */
export function generalHelp(version: string, commands: readonly CommandHelp[]): string {
  return [
    `roost ${version}: an instant-messaging server in one executable`,
    "",
    "USAGE roost [COMMAND] [OPTIONS]",
    "",
    "COMMANDS",
    "",
    ...commands.flatMap(({ name, description }) => entry(name, description, 12)),
    "",
    "roost COMMAND --help shows a command's options, roost --role ROLE --help those of a role.",
    "",
    examples,
    ...wrapped(everyOption, columns),
  ].join("\n");
}

/** The help of a command; of `serve` with a role that of the role. */
export function commandHelp(command: CommandHelp, role: (typeof roles)[number] | undefined): string {
  const { name, description, operand } = command;
  const operandWord = operand === undefined ? "" : ` ${operand.name}`;
  const usage = role === undefined ? `roost ${name}${operandWord} [OPTIONS]` : `roost --role ${role} [OPTIONS]`;
  const lines = [...wrapped(`${description}.`, columns), "", `USAGE ${usage}`, ""];
  if (operand !== undefined) lines.push("ARGUMENT", "", ...entry(operand.name, operand.help), "");
  for (const [title, names] of groupsOf(command, role)) {
    lines.push(title, "", ...names.flatMap((option) => entry(flagOf(option), textOf(name, option))), "");
  }
  if (command.options.length > 0) lines.push(...wrapped(everyOption, columns));
  return lines.join("\n").trimEnd();
}

function groupsOf(
  { name, options: all }: CommandHelp,
  role: (typeof roles)[number] | undefined,
): (readonly [title: string, names: readonly OptionName[]])[] {
  if (all.length === 0) return [];
  if (name !== "serve") return [["OPTIONS", all]];
  const shown: ReadonlySet<OptionName> = new Set(role === undefined ? optionsOf.serve : optionsOfRole[role]);
  const grouped = new Set(Object.values(groupsOfServe).flat());
  return [...Object.entries(groupsOfServe), ["OTHERS", all.filter((option) => !grouped.has(option))] as const]
    .map(([title, names]) => [title, names.filter((option) => shown.has(option))] as const)
    .filter(([, names]) => names.length > 0);
}

function flagOf(name: OptionName): string {
  const { hint, isFlag } = options[name];
  return isFlag ? `--${name}` : `--${name}=<${hint}>`;
}

function textOf(command: string, name: OptionName): string {
  const { help, fallback, isFlag } = options[name];
  const text = textsOf[command]?.[name] ?? help;
  return isFlag || fallback === undefined || fallback === "" ? text : `${text} (default ${fallback})`;
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
