// roost limits: prints the limits of a running process and their use; with --role, those that a server would have.

import { silentLog } from "../base/log.ts";
import { limitRows } from "../base/limits/report.ts";
import { MalformedJson } from "../base/json-fields.ts";
import { printLines } from "./command-output.ts";
import { askProcess, otherVersion } from "./control/ask.ts";
import { findProcess } from "./control/find-process.ts";
import { settableLimits, usedLimits } from "./limits/listing.ts";
import { parseLimitRows } from "./limits/parse-answer.ts";
import type { OptionValues } from "./option-values.ts";
import { limitsOf } from "./serve/limits.ts";
import { StartError, UsageError } from "./usage-error.ts";

/** Prints the table, or JSON. Throws StartError if the process does not answer. */
export async function limits(values: OptionValues): Promise<void> {
  const isJson = values.required("json");
  // A variable or a file may give the role of the running server; only the flag asks for one that does not run.
  if (values.typedAs("role") === "--role") {
    const role = values.required("role");
    const known = limitsOf(values, role, silentLog);
    await printLines(isJson ? jsonLines(limitRows(known, role)) : settableLimits(known, role));
    return;
  }
  if (values.typedAs("limit") === "--limit")
    throw new UsageError("--limit needs --role: it shows the limits that a server of that role would have");
  const answer = await askProcess(await findProcess(values), "limits");
  try {
    const rows = parseLimitRows(answer);
    await printLines(isJson ? jsonLines(rows) : usedLimits(rows, Date.now()));
  } catch (error) {
    if (error instanceof MalformedJson) throw new StartError(`${otherVersion}: ${error.message}`);
    throw error;
  }
}

function jsonLines(value: unknown): string[] {
  return JSON.stringify(value, undefined, 2).split("\n");
}
