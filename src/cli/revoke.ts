// roost kick and roost revoke: what an operator ends of an account, on all gateways.

import { printLines } from "./command-output.ts";
import { askProcess } from "./control/ask.ts";
import { findStoreKeepers } from "./control/find-process.ts";
import type { OptionValues } from "./option-values.ts";
import { StartError } from "./usage-error.ts";

/** Ends the connections of an account, or those of one of its devices. Throws StartError, UsageError. */
export async function kick(values: OptionValues): Promise<void> {
  const account = values.required("account", "is required: who is to be kicked out?");
  const app = values.required("app");
  const device = values.isGiven("device") ? values.required("device") : undefined;
  const of = device === undefined ? "" : ` on the device ${JSON.stringify(device)}`;
  const connections = connectionsIn(await askStoreKeeper(values, "kick", { app, account, device }));
  await printLines([
    connections === 0
      ? `${account} (app ${app}) is not signed in${of}; whatever a gateway that is cut off still has of it ends ` +
        `when it is back`
      : `${account} (app ${app}) is kicked out${of}: ${counted(connections)}`,
  ]);
}

/**
 * Refuses the tokens of an account that were issued before a time, and ends the connections that they signed in. Throws
 * as kick.
 */
export async function revoke(values: OptionValues): Promise<void> {
  const account = values.required("account", "is required: whose tokens are to be refused?");
  const app = values.required("app");
  const beforeMs = values.optional("before");
  const answer = await askStoreKeeper(values, "revoke", { app, account, beforeMs });
  const before = new Date(numberIn(answer, "beforeMs")).toISOString().replace(".000Z", "Z");
  await printLines([
    `tokens of ${account} (app ${app}) from before ${before} are refused: ${counted(connectionsIn(answer))}`,
  ]);
}

function counted(connections: number | undefined): string {
  if (connections === undefined) return "how many connections it has cannot be said now";
  return `it had ${connections} ${connections === 1 ? "connection" : "connections"}`;
}

/** Asks one process after the other until one has done it: done twice is done once. */
async function askStoreKeeper(
  values: OptionValues,
  command: string,
  fields: Readonly<Record<string, string | number | undefined>>,
): Promise<unknown> {
  const reasons: string[] = [];
  for (const place of await findStoreKeepers(values)) {
    try {
      return await askProcess(place, command, fields);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new StartError(reasons.join("; "));
}

function connectionsIn(answer: unknown): number | undefined {
  const connections = fieldOf(answer, "connections");
  return typeof connections === "number" ? connections : undefined;
}

function numberIn(answer: unknown, key: string): number {
  const value = fieldOf(answer, key);
  if (typeof value !== "number") throw new StartError("the process answered what this version does not understand");
  return value;
}

function fieldOf(answer: unknown, key: string): unknown {
  const fields: Readonly<Record<string, unknown>> = typeof answer === "object" && answer !== null ? { ...answer } : {};
  return fields[key];
}
