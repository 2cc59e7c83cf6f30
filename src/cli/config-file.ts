// The file that --config names: TOML, with options as its keys.

import { changerOf } from "../base/file-trust.ts";
import { configFileBytesMax } from "../base/limits/fixed.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";
import { didYouMean } from "../base/did-you-mean.ts";
import { sentenceOf } from "./failure.ts";
import { UsageError } from "./usage-error.ts";

interface ConfigFile {
  /** Values as texts, by the names of options. */
  readonly entries: ReadonlyMap<string, string>;
  /** What an operator should know of the file itself; undefined: nothing. */
  readonly warning: string | undefined;
}

/** How an option is written in the file. */
interface Kind {
  /** It is true or false. */
  readonly isFlag: boolean;
  /** It is pairs of names and values: a table, or a string. */
  readonly isPairs: boolean;
}

/**
 * Reads it and checks its keys; the values are checked when they are asked for. `source` is who named it: `--config`,
 * or the variable.
 * @throws UsageError
 */
export function readConfigFile(path: string, known: ReadonlyMap<string, Kind>, source: string): ConfigFile {
  const { text, warning } = textOf(path, source);
  const entries = new Map<string, string>();
  for (const [key, value] of Object.entries(tableOf(text, path))) {
    const option = known.get(key);
    if (option === undefined) {
      const keys = [...known.keys()];
      throw new UsageError(`${path}: ${key} is not an option${didYouMean(key, keys)}; see roost --help`);
    }
    if (option.isPairs && isTable(value)) {
      entries.set(key, pairsOf(value, path, key));
      continue;
    }
    const isRight = typeof value === "string" || (option.isFlag && typeof value === "boolean");
    if (!isRight) throw new UsageError(`${path}: ${key} must be ${wanted(option)}`);
    entries.set(key, String(value));
  }
  return { entries, warning };
}

function wanted({ isFlag, isPairs }: Kind): string {
  if (isFlag) return "true or false";
  return isPairs ? "a string in quotes, or a table of names and values" : "a string in quotes";
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A table as the text that the flag would have: `name=value,…`. */
function pairsOf(table: Readonly<Record<string, unknown>>, path: string, key: string): string {
  const pairs = Object.entries(table).map(([name, value]) => {
    const isValue = typeof value === "number" || typeof value === "string";
    // Neither part may hold what separates pairs.
    if (!isValue || /[,=]/.test(name) || /[,=]/.test(String(value)))
      throw new UsageError(`${path}: ${key}.${name} must be a number, or a string in quotes with one value`);
    return `${name}=${value}`;
  });
  return pairs.join(",");
}

function textOf(path: string, source: string): { text: string; warning: string | undefined } {
  try {
    const { text, stats } = readSmallFile(path, { bytesMax: configFileBytesMax, waits: true });
    const changer = changerOf(stats);
    const warning =
      changer === undefined || changer === "its group"
        ? undefined
        : `${changer} can change the configuration file ${path}; chown it, and chmod 644 it`;
    return { text, warning };
  } catch (error) {
    if (error instanceof UnreadableFile) throw new UsageError(`${source}: ${error.message}`);
    throw error;
  }
}

function tableOf(text: string, path: string): object {
  try {
    return Bun.TOML.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not TOML: ${sentenceOf(error)}`);
  }
}
