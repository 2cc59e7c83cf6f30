// Reading the route file again while the gateway runs: a bad file is refused, and the rules that hold go on holding.

import { reasonOf } from "../../base/reason-of.ts";
import { rulesFileBytesMax } from "../../base/limits/fixed.ts";
import { readSmallFile } from "../../base/small-file.ts";
import { parseRouteFile, type RouteRules } from "./route-file.ts";

/** Whether the rules were replaced, and a sentence for the log that says so or why not. */
export interface Reload {
  readonly isReplaced: boolean;
  readonly sentence: string;
}

/** Gives what the file says now to `replaceRules`; keeps away from it what is bad or cannot be read. */
export function reloadRouteFile(path: string, replaceRules: (rules: RouteRules) => void): Reload {
  let rules: RouteRules;
  try {
    // A gateway that serves waits for no pipe.
    rules = parseRouteFile(readSmallFile(path, { bytesMax: rulesFileBytesMax, waits: false }).text, path);
  } catch (error) {
    const reason = reasonOf(error);
    return { isReplaced: false, sentence: `the route file is refused and the old rules stay: ${reason}` };
  }
  replaceRules(rules);
  return { isReplaced: true, sentence: `the route file was read again: ${path}` };
}
