// The file that --config names: TOML, with options as its keys.

import { changerOf } from "../base/file-trust.ts";
import { configFileBytesMax } from "../base/limits/fixed.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";
import { didYouMean } from "./did-you-mean.ts";
import { sentenceOf } from "./failure.ts";
import { UsageError } from "./usage-error.ts";

export interface ConfigFile {
  /** Values as texts, by the names of options. */
  readonly entries: ReadonlyMap<string, string>;
  /** What an operator should know of the file itself; undefined: nothing. */
  readonly warning: string | undefined;
}

/**
 * Reads it and checks its keys; the values are checked when they are asked for. `known` says of each option whether it is
 * true or false.
 * @throws UsageError
 */
export function readConfigFile(path: string, known: ReadonlyMap<string, { readonly isFlag: boolean }>): ConfigFile {
  const { text, warning } = textOf(path);
  const entries = new Map<string, string>();
  for (const [key, value] of Object.entries(tableOf(text, path))) {
    const option = known.get(key);
    if (option === undefined) {
      const keys = [...known.keys()];
      throw new UsageError(`${path}: ${key} is not an option${didYouMean(key, keys)}; see roost --help`);
    }
    const isRight = typeof value === "string" || (option.isFlag && typeof value === "boolean");
    if (!isRight)
      throw new UsageError(`${path}: ${key} must be ${option.isFlag ? "true or false" : "a string in quotes"}`);
    entries.set(key, String(value));
  }
  return { entries, warning };
}

function textOf(path: string): { text: string; warning: string | undefined } {
  try {
    const { text, stats } = readSmallFile(path, { bytesMax: configFileBytesMax, waits: true });
    const changer = changerOf(stats);
    const warning =
      changer === undefined || changer === "its group"
        ? undefined
        : `${changer} can change the configuration file ${path}; chown it, and chmod 644 it`;
    return { text, warning };
  } catch (error) {
    if (error instanceof UnreadableFile) throw new UsageError(`--config: ${error.message}`);
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
