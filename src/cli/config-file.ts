// Reads the file that --config names: TOML, with the names of options as keys.

import { changerOf } from "../base/file-trust.ts";
import { configFileBytesMax } from "../base/limits/fixed.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";
import { didYouMean } from "../base/did-you-mean.ts";
import { sentenceOf } from "./failure.ts";
import { UsageError } from "./usage-error.ts";

interface ConfigFile {
  /** The values as texts, by option name. */
  readonly entries: ReadonlyMap<string, string>;
  /** A sentence about the file itself, for the operator. */
  readonly warning: string | undefined;
}

/** The form of an option in the file. */
interface Kind {
  /** The value is true or false. */
  readonly isFlag: boolean;
  /** The value is a table of names and values, or a string. */
  readonly isPairs: boolean;
}

/**
 * Reads the file and checks its keys; values are checked when they are used. `source` is what named the file:
 * `--config` or the environment variable.
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
    const isValid = typeof value === "string" || (option.isFlag && typeof value === "boolean");
    if (!isValid) throw new UsageError(`${path}: ${key}: expected ${expected(option)}`);
    entries.set(key, String(value));
  }
  return { entries, warning };
}

function expected({ isFlag, isPairs }: Kind): string {
  if (isFlag) return "true or false";
  return isPairs ? "a string in quotes, or a table of names and values" : "a string in quotes";
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns a table as the flag's text: `name=value,…`. */
function pairsOf(table: Readonly<Record<string, unknown>>, path: string, key: string): string {
  const pairs = Object.entries(table).map(([name, value]) => {
    const isValue = typeof value === "number" || typeof value === "string";
    // Neither part may contain the separators of pairs.
    if (!isValue || /[,=]/.test(name) || /[,=]/.test(String(value)))
      throw new UsageError(`${path}: ${key}.${name}: expected a number, or a string in quotes with one value`);
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
        : `${changer} can change the configuration file ${path}; chown it and chmod 644 it`;
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
    throw new UsageError(`${path}: expected TOML: ${sentenceOf(error)}`);
  }
}
