// roost kick, revoke, ban and unban: end an account's connections and tokens, and refuse its sign-ins, on all gateways.

import { fieldsOf, ifWellFormed, wholeOf } from "../base/json-fields.ts";
import { printLines } from "./command-output.ts";
import { otherVersion } from "./control/ask.ts";
import { askStoreProcess } from "./control/ask-store-process.ts";
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
  const before = shownTime(inForceMs);
  const connections = connectionsSentence(numberIn(answer, "connections"));
  await printLines([`tokens of ${account} (app ${app}) from before ${before} are refused: ${connections}`]);
}

/** Refuses an account's sign-ins until a time, or for good, and ends its connections. Throws StartError, UsageError. */
export async function ban(values: OptionValues): Promise<void> {
  const account = values.required("account", "is required: the account to ban");
  const app = values.required("app");
  const untilMs = values.optional("until");
  const answer = await askStoreProcess(values, "ban", { app, account, untilMs });
  const connections = connectionsSentence(numberIn(answer, "connections"));
  const end = untilMs === undefined ? "for good" : `until ${shownTime(untilMs)}`;
  await printLines([`${account} (app ${app}) is banned ${end}: ${connections}`]);
}

/** Ends a ban. Throws StartError, UsageError. */
export async function unban(values: OptionValues): Promise<void> {
  const account = values.required("account", "is required: the account whose ban is to end");
  const app = values.required("app");
  const answer = await askStoreProcess(values, "unban", { app, account });
  const wasBanned = ifWellFormed(() => fieldsOf(answer, "the answer")["wasBanned"]);
  if (typeof wasBanned !== "boolean") throw new StartError(otherVersion);
  await printLines([
    wasBanned
      ? `${account} (app ${app}) may sign in again, with a token that is issued from now on`
      : `${account} (app ${app}) was not banned`,
  ]);
}

function shownTime(atMs: number): string {
  return new Date(atMs).toISOString().replace(".000Z", "Z");
}

function connectionsSentence(connections: number | undefined): string {
  if (connections === undefined) return "the number of its connections is unknown now";
  return `it had ${counted(connections, "connection")}`;
}

function numberIn(answer: unknown, key: string): number | undefined {
  return ifWellFormed(() => wholeOf(fieldsOf(answer, "the answer")[key], key));
}
