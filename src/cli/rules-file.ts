// Reads the file of rules (routing, lookup) that an option names.

import { changerOf } from "../base/file-trust.ts";
import { BadFile } from "../base/json-file.ts";
import { rulesFileBytesMax } from "../base/limits/fixed.ts";
import type { Log } from "../base/log.ts";
import { readSmallFile, UnreadableFile } from "../base/small-file.ts";
import { StartError } from "./usage-error.ts";

/**
 * Returns what `parse` makes of the file's text and path. Warns if another user, or everybody, can change the file.
 * `source` names the option in messages.
 * @throws StartError
 */
export function readRules<Rules>(
  path: string,
  source: string,
  log: Log,
  parse: (text: string, path: string) => Rules,
): Rules {
  try {
    const { text, stats } = readSmallFile(path, { bytesMax: rulesFileBytesMax, waits: true });
    const rules = parse(text, path);
    const changer = changerOf(stats);
    if (changer !== undefined && changer !== "its group")
      log.warn("other users can change a file of rules; chown it and chmod 644 it", { path, changer });
    return rules;
  } catch (error) {
    if (error instanceof UnreadableFile || error instanceof BadFile)
      throw new StartError(`${source}: ${error.message}`);
    throw error;
  }
}
