// Parses typed lines: messages, and commands that begin with a slash. A command of two words may be typed by its second
// word, unless another one has that name: `/invite` is `/group invite`, and `/mute` is not `/group mute`.

import { namedText } from "../../base/printable.ts";
import { type CommandForm, type Given, readGiven } from "./command-form.ts";

export type Input<Command> =
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "command"; readonly command: Command; readonly given: Given }
  | { readonly kind: "nothing" }
  | { readonly kind: "invalid"; readonly sentence: string };

/** Parses a line. The name of a command is one of those in `commands`. */
export function parseInput<Command extends CommandForm>(line: string, commands: readonly Command[]): Input<Command> {
  const text = line.trim();
  if (text === "") return { kind: "nothing" };
  if (text.startsWith("//")) return { kind: "message", text: text.slice(1) };
  if (!text.startsWith("/")) return { kind: "message", text };
  const [first = "", second = ""] = text.split(/\s+/, 2);
  const family = commands.filter(({ name }) => name.split(" ")[0] === first);
  const command =
    family.length === 0
      ? commands.find(({ name }) => name.split(" ")[1] === first.slice(1))
      : family.find(({ name }) => name === first || name === `${first} ${second}`);
  if (command === undefined) return { kind: "invalid", sentence: unknown(first, family) };
  const isPair = command.name === `${first} ${second}`;
  const typed = text
    .slice(first.length)
    .trimStart()
    .slice(isPair ? second.length : 0);
  const given = readGiven(command, typed);
  if (given !== undefined) return { kind: "command", command, given };
  const { name, usage } = command;
  return { kind: "invalid", sentence: `${name}: expected ${usage === "" ? "nothing after it" : `${name} ${usage}`}` };
}

function unknown(first: string, family: readonly CommandForm[]): string {
  const verbs = family.map(({ name }) => name.slice(first.length + 1));
  const last = verbs.pop();
  if (last === undefined) return `unknown command /${namedText(first.slice(1))}; /help lists the commands`;
  return `${first}: expected ${verbs.join(", ")} or ${last}`;
}
