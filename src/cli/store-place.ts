// Which store a server or a command works on: --store, or messages.db in the data folder.

import { mkdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Log } from "../base/log.ts";
import { fileScheme } from "../options/engines.ts";
import { isDatabaseFile } from "../options/engine-url.ts";
import { warnOfChangers } from "./data-folder.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import type { OptionValues } from "./option-values.ts";
import { StartError } from "./usage-error.ts";

type StorePlace =
  /** `folder`: the data folder, if the store is the one in it. The path is absolute, and links are followed. */
  | { readonly kind: "sqlite"; readonly path: string; readonly folder: string | undefined }
  | { readonly kind: "postgres"; readonly url: string };

export function storePlaceOf(values: OptionValues): StorePlace {
  const store = values.optional("store");
  if (store === undefined) {
    const folder = resolve(values.required("data"));
    return { kind: "sqlite", path: followed(join(folder, "messages.db")), folder };
  }
  if (!isDatabaseFile(store)) return { kind: "postgres", url: store };
  return { kind: "sqlite", path: followed(resolve(store.slice(fileScheme.length))), folder: undefined };
}

/** The path itself if nothing lies there. */
function followed(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * The absolute path of `sqlite:PATH`. Makes its folder (mode 0700) if need be, and warns of others who can change it.
 * `source` names the option in messages.
 * @throws StartError if something lies at the path that is no file
 */
export function databasePath(url: string, source: string, log: Log): string {
  const path = resolve(url.slice(fileScheme.length));
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartError(`${source}: cannot make the folder of ${path}: ${sentenceOf(error)}`);
  }
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() === false)
      throw new StartError(`${source}: ${path} is not a file; name a file, or one that is still to be made`);
  } catch (error) {
    if (codeOf(error) === "") throw error;
    throw new StartError(`${source}: cannot open ${path}: ${sentenceOf(error)}`);
  }
  warnOfChangers(folder, log);
  return path;
}
