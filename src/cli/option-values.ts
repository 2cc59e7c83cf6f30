// What a user said for the options of a command, by flag, environment and file: read, and checked when it is asked for.
// A flag beats the environment, which beats the file, which beats the default.

import { reasonOf } from "../base/reason-of.ts";
import { quotedText } from "../base/printable.ts";
import { readConfigFile } from "./config-file.ts";
import { didYouMean } from "../base/did-you-mean.ts";
import { type Operand } from "./option-texts.ts";
import type { Role } from "../options/option.ts";
import {
  environmentName,
  type OptionName,
  options,
  optionsOfFile,
  optionTable,
  type ValueOf,
} from "../options/options.ts";
import { type SettingsOf, settingsOf } from "../options/settings.ts";
import { unknownVariables } from "./unknown-variables.ts";
import { UsageError } from "./usage-error.ts";

/** A value that is refused is shown up to here. */
const shownCharactersMax = 80;

/** What was said for an option, and where. */
interface Said {
  readonly text: string;
  readonly source: string;
  /** By a variable, which may be meant for a process with another role. */
  readonly isShared: boolean;
}

/** A value that was given. */
interface Layer<Value> extends Pick<Said, "source" | "isShared"> {
  readonly value: Value;
}

/** What a user said for some options, by flag, environment and file; checked when asked for. */
export class OptionValues {
  private readonly names: readonly OptionName[];
  private readonly flags: ReadonlyMap<string, string>;
  private readonly environment: Readonly<Record<string, string | undefined>>;
  private readonly file: ReadonlyMap<string, string>;
  private readonly filePath: string | undefined;
  /** The words that are no options, in the order of the operands; those that may be missing can be. */
  readonly operands: readonly string[];
  /** What an operator should know: variables that are no options, a configuration file that others can change. */
  readonly warnings: readonly string[];

  /**
   * Refuses flags that the command does not have, flags without a value, a bad configuration file, and operands that
   * are missing or too many.
   */
  constructor(
    names: readonly OptionName[],
    words: readonly string[],
    environment: Readonly<Record<string, string | undefined>>,
    ...operands: readonly Operand[]
  ) {
    this.names = names;
    const read = readWords(names, words, operands);
    this.flags = read.flags;
    this.operands = read.operands;
    this.environment = environment;
    this.file = new Map();
    this.filePath = this.optional("config");
    const warnings = unknownVariables(environment, new Set(Array.from(optionTable.keys(), environmentName)));
    if (this.filePath !== undefined) {
      const { entries, warning } = readConfigFile(this.filePath, optionsOfFile, this.sourceOf("config"));
      this.file = entries;
      if (warning !== undefined) warnings.push(warning);
    }
    this.warnings = warnings;
  }

  /** The checked value; undefined when nobody gave one and there is no default. */
  optional<Name extends OptionName>(name: Name): ValueOf<Name> | undefined;
  optional(name: OptionName): unknown {
    const text = this.raw(name)?.text ?? options[name].fallback;
    return text === undefined ? undefined : this.parsed(name, text, this.sourceOf(name));
  }

  /** The settings of a role. Throws UsageError for the first value that is invalid. */
  settings<R extends Role>(role: R): SettingsOf<R> {
    return settingsOf(role, (name) => this.optional(name));
  }

  /** The checked values that were given, by file, variable and flag, in this order: later ones weigh more. */
  layers<Name extends OptionName>(name: Name): readonly Layer<ValueOf<Name>>[];
  layers(name: OptionName): readonly Layer<unknown>[] {
    return this.said(name)
      .toReversed()
      .map(({ text, source, isShared }) => ({ value: this.parsed(name, text, source), source, isShared }));
  }

  private parsed(name: OptionName, text: string, source: string): unknown {
    const { parse, bytesMax, isSecret } = options[name];
    const bytes = Buffer.byteLength(text);
    try {
      if (bytes > bytesMax) throw new Error(`at most ${bytesMax} bytes, not ${bytes}`);
      return parse(text);
    } catch (error) {
      const expected = reasonOf(error);
      throw new UsageError(`${source}: invalid value${isSecret ? "" : ` ${quoted(text)}`}: expected ${expected}`);
    }
  }

  /** The checked value; `why` ends the sentence that is said when there is none. */
  required<Name extends OptionName>(name: Name, why = "is required"): NonNullable<ValueOf<Name>> {
    const value = this.optional(name);
    if (value === undefined || value === null) throw new UsageError(`--${name} ${why}`);
    return value;
  }

  /** The text of the first operand; only for a command that needs one. */
  get operand(): string {
    const [first] = this.operands;
    if (first === undefined) throw new UsageError("this command takes options only; see --help");
    return first;
  }

  /** True when somebody gave it. */
  isGiven(name: OptionName): boolean {
    return this.raw(name) !== undefined;
  }

  /** The flag or line of the file that gave it, whatever a variable says; undefined if none did. */
  typedAs(name: OptionName): string | undefined {
    if (!this.names.includes(name)) return undefined;
    if (this.flags.has(name)) return `--${name}`;
    return this.file.has(name) ? `${this.filePath}: ${name}` : undefined;
  }

  /** What to change to change it: a flag, a variable or a line of the file, whichever gave it. */
  sourceOf(name: OptionName): string {
    return this.raw(name)?.source ?? `--${name}`;
  }

  private raw(name: OptionName): Said | undefined {
    return this.said(name)[0];
  }

  /** All that was said, what weighs most first. */
  private said(name: OptionName): Said[] {
    if (!this.names.includes(name)) return [];
    const variable = environmentName(name);
    // An empty variable counts as unset.
    const value = this.environment[variable] || undefined;
    const all = [
      { text: this.flags.get(name), source: `--${name}`, isShared: false },
      { text: value, source: variable, isShared: true },
      { text: this.file.get(name), source: `${this.filePath}: ${name}`, isShared: false },
    ];
    return all.flatMap(({ text, ...rest }) => (text === undefined ? [] : [{ text, ...rest }]));
  }
}

function readWords(
  names: readonly OptionName[],
  words: readonly string[],
  expected: readonly Operand[],
): { flags: Map<string, string>; operands: string[] } {
  const flags = new Map<string, string>();
  const operands: string[] = [];
  const asked = `expected ${expected.length === 1 ? "one " : ""}${expected.map(({ name }) => name).join(" ")}`;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (expected.length > 0 && word !== "" && (word === "-" || !word.startsWith("-"))) {
      if (operands.length === expected.length) throw new UsageError(`${quoted(word)} is one word too many: ${asked}`);
      operands.push(word);
      continue;
    }
    const [, name = "", attached] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === "") throw new UsageError(`${quoted(word)} is not an option; see --help`);
    const known = names.find((candidate) => candidate === name);
    if (known === undefined)
      throw new UsageError(`--${name} is not an option here${didYouMean(name, names, "--")}; see --help`);
    const takesNone = options[known].isFlag;
    const value = attached ?? (takesNone ? "true" : words[++at]);
    if (value === undefined || (attached === undefined && value.startsWith("--")))
      throw new UsageError(`--${name} needs a value`);
    const before = flags.get(name);
    if (before !== undefined && !options[known].isPairs) throw new UsageError(`--${name} is given twice`);
    flags.set(name, before === undefined ? value : `${before},${value}`);
  }
  const missing = expected[operands.length];
  if (missing !== undefined && missing.isOptional !== true)
    throw new UsageError(
      `${missing.name} is missing; expected the ${missing.help[0]?.toLowerCase()}${missing.help.slice(1)}`,
    );
  return { flags, operands };
}

/** A value or word as a message shows it. */
function quoted(text: string): string {
  return quotedText(text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text);
}
