// Asks a process with the message store.

import type { ControlFields } from "../../observe/control-commands.ts";
import type { OptionValues } from "../option-values.ts";
import { StartError } from "../usage-error.ts";
import { askProcess } from "./ask.ts";
import { findStoreProcesses } from "./find-process.ts";

/**
 * Asks one process after the other until one has done it: for commands whose repetition is harmless. Throws StartError,
 * UsageError.
 */
export async function askStoreProcess(values: OptionValues, command: string, fields: ControlFields): Promise<unknown> {
  const reasons: string[] = [];
  for (const place of await findStoreProcesses(values)) {
    try {
      return await askProcess(place, command, fields);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new StartError(reasons.join("; "));
}
