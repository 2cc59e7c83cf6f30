// Reads the route file again while the gateway runs. An invalid file is refused, and the current rules stay.

import { reasonOf } from "../../base/reason-of.ts";
import { rulesFileBytesMax } from "../../base/limits/fixed.ts";
import { readSmallFile } from "../../base/small-file.ts";
import { parseRouteFile, type RouteRules } from "./route-file.ts";

/** Whether the rules were replaced, and a sentence about it for the log. */
export interface Reload {
  readonly isReplaced: boolean;
  readonly sentence: string;
}

/** Passes the file's rules to `replaceRules`, unless the file is invalid or cannot be read. */
export function reloadRouteFile(path: string, replaceRules: (rules: RouteRules) => void): Reload {
  let rules: RouteRules;
  try {
    // A running gateway must not block on a pipe.
    rules = parseRouteFile(readSmallFile(path, { bytesMax: rulesFileBytesMax, waits: false }).text, path);
  } catch (error) {
    const reason = reasonOf(error);
    return { isReplaced: false, sentence: `the route file is refused and the old rules stay: ${reason}` };
  }
  replaceRules(rules);
  return { isReplaced: true, sentence: `the route file was read again: ${path}` };
}
