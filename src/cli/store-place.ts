// Which store a command works on: --store, or messages.db in the data folder, as the server takes it.

import { realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileScheme } from "../node/engines.ts";
import { isDatabaseFile } from "./engine-url.ts";
import type { OptionValues } from "./option-values.ts";

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
