// roost limits: the limits of a running process, with what is used of each; with --role those that a server would have.

import { silentLog } from "../base/log.ts";
import { limitRows } from "../base/limits/report.ts";
import { MalformedJson } from "../base/json-fields.ts";
import { printLines } from "./command-output.ts";
import { askProcess } from "./control/ask.ts";
import { findProcess } from "./control/find-process.ts";
import { settableLimits, usedLimits } from "./limits/listing.ts";
import { parseLimitRows } from "./limits/parse-answer.ts";
import type { OptionValues } from "./option-values.ts";
import { limitsOf } from "./serve/limits.ts";
import { StartError, UsageError } from "./usage-error.ts";

/** Prints the table, or JSON. Throws StartError when the process cannot be asked. */
export async function limits(values: OptionValues): Promise<void> {
  const isJson = values.required("json");
  // A variable or a file may say what the server is; only a flag asks for a server that does not run.
  const isRoleAsked = values.typedAs("role") === "--role";
  if (isRoleAsked) {
    const role = values.required("role");
    const known = limitsOf(values, role, silentLog);
    await printLines(isJson ? jsonLines(limitRows(known, role)) : settableLimits(known, role));
    return;
  }
  if (values.typedAs("limit") === "--limit")
    throw new UsageError("--limit needs --role here: it shows the limits that such a server would have");
  const answer = await askProcess(await findProcess(values), "limits");
  try {
    const rows = parseLimitRows(answer);
    await printLines(isJson ? jsonLines(rows) : usedLimits(rows, Date.now()));
  } catch (error) {
    if (error instanceof MalformedJson)
      throw new StartError(`the process answered what this version does not understand: ${error.message}`);
    throw error;
  }
}

function jsonLines(value: unknown): string[] {
  return JSON.stringify(value, undefined, 2).split("\n");
}
