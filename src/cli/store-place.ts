// The store that a server or a command works on: --store, or messages.db in the data folder.

import { mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Log } from "../base/log.ts";
import { fileScheme } from "../options/engines.ts";
import { isDatabaseFile } from "../options/engine-url.ts";
import { warnOfChangers } from "./data-folder.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import type { OptionValues } from "./option-values.ts";
import { StartError } from "./usage-error.ts";

export type StorePlace =
  /** The path is absolute, without links. `folder`: the data folder, if --store was not given. */
  | { readonly kind: "sqlite"; readonly path: string; readonly folder: string | undefined }
  | { readonly kind: "postgres"; readonly url: string };

/** Returns the URL of the store. */
export function storeUrlOf(values: OptionValues): string {
  return values.optional("store") ?? `${fileScheme}${join(resolve(values.required("data")), "messages.db")}`;
}

export function storePlaceOf(values: OptionValues): StorePlace {
  const url = storeUrlOf(values);
  if (!isDatabaseFile(url)) return { kind: "postgres", url };
  const folder = values.optional("store") === undefined ? resolve(values.required("data")) : undefined;
  return { kind: "sqlite", path: followed(resolve(url.slice(fileScheme.length))), folder };
}

/** Follows links; returns the path itself if it does not exist. */
function followed(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * Returns the absolute path of `sqlite:PATH`. Creates its folder (mode 0700) unless it exists, and warns if others can
 * change it. `source` names the option in messages.
 * @throws StartError if the folder cannot be created, or the path is not a file
 */
export function databasePath(url: string, source: string, log: Log): string {
  const path = resolve(url.slice(fileScheme.length));
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(`${source}: cannot create the folder of ${path}: ${sentenceOf(error)}`);
  }
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new StartError(`${source}: ${path} is not a file: expected a file, which need not exist yet`);
  } catch (error) {
    if (codeOf(error) === "") throw error;
    throw new StartError(`${source}: cannot open ${path}: ${sentenceOf(error)}`);
  }
  warnOfChangers(folder, log);
  return path;
}
