// roost kick and roost revoke: end an account's connections and tokens, on all gateways.

import { fieldsOf, ifWellFormed, wholeOf } from "../base/json-fields.ts";
import { printLines } from "./command-output.ts";
import { askProcess, otherVersion } from "./control/ask.ts";
import { findStoreProcesses } from "./control/find-process.ts";
import type { OptionValues } from "./option-values.ts";
import { counted } from "./text-table.ts";
import { StartError } from "./usage-error.ts";

/** Ends the connections of an account, or those of one of its devices. Throws StartError, UsageError. */
export async function kick(values: OptionValues): Promise<void> {
  const account = values.required("account", "is required: the account to kick out");
  const app = values.required("app");
  const device = values.isGiven("device") ? values.required("device") : undefined;
  const of = device === undefined ? "" : ` on the device ${JSON.stringify(device)}`;
  const connections = numberIn(await askStoreProcess(values, "kick", { app, account, device }), "connections");
  await printLines([
    connections === 0
      ? `${account} (app ${app}) is not signed in${of}; connections at a gateway that is cut off end when it is back`
      : `${account} (app ${app}) is kicked out${of}: ${connectionsSentence(connections)}`,
  ]);
}

/**
 * Refuses the tokens of an account that were issued before a time, and ends the connections that use them. Throws
 * StartError, UsageError.
 */
export async function revoke(values: OptionValues): Promise<void> {
  const account = values.required("account", "is required: the account whose tokens are to be refused");
  const app = values.required("app");
  const beforeMs = values.optional("before");
  const answer = await askStoreProcess(values, "revoke", { app, account, beforeMs });
  const inForceMs = numberIn(answer, "beforeMs");
  if (inForceMs === undefined) throw new StartError(otherVersion);
  const before = new Date(inForceMs).toISOString().replace(".000Z", "Z");
  const connections = connectionsSentence(numberIn(answer, "connections"));
  await printLines([`tokens of ${account} (app ${app}) from before ${before} are refused: ${connections}`]);
}

function connectionsSentence(connections: number | undefined): string {
  if (connections === undefined) return "the number of its connections is unknown now";
  return `it had ${counted(connections, "connection")}`;
}

/** Asks one process after the other until one has done it. Repeating these commands is harmless. */
async function askStoreProcess(
  values: OptionValues,
  command: string,
  fields: Readonly<Record<string, string | number | undefined>>,
): Promise<unknown> {
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

function numberIn(answer: unknown, key: string): number | undefined {
  return ifWellFormed(() => wholeOf(fieldsOf(answer, "the answer")[key], key));
}
