// How the webhooks do of the standalone server that runs with the options that are examined, or of the cluster to which
// they belong.

import { resolve } from "node:path";
import { arrayOf, type Fields, fieldsOf, ifWellFormed, stringOf, wholeOf } from "../../base/json-fields.ts";
import { printable } from "../../base/printable.ts";
import { askProcess } from "../control/ask.ts";
import { askStoreProcess } from "../control/ask-store-process.ts";
import { counted } from "../text-table.ts";
import { StartError, UsageError } from "../usage-error.ts";
import { type Finding, ok, type Subject, warning } from "./finding.ts";
import { runningServer } from "./running-server.ts";

/** Nothing if no server runs that could be asked, or if there are no webhooks. */
export async function checkWebhooks(subject: Subject): Promise<readonly Finding[]> {
  const answer = await asked(subject).catch((error: unknown) => {
    // It begins or ends just now, or is of a former release; other checks say what is wrong with the registry and keys.
    if (error instanceof StartError || error instanceof UsageError) return undefined;
    throw error;
  });
  const endpoints = ifWellFormed(() => arrayOf(fieldsOf(answer, "answer")["endpoints"], "endpoints")) ?? [];
  if (endpoints.length === 0) return [];
  const findings = endpoints.flatMap((each) => ifWellFormed(() => findingsOf(fieldsOf(each, "endpoints"))) ?? []);
  return findings.length > 0 ? findings : [ok(`${counted(endpoints.length, "webhook")}, told of all that happened`)];
}

async function asked(subject: Subject): Promise<unknown> {
  const { values, role } = subject;
  if (role !== "standalone") return askStoreProcess(values, "webhook-list", {});
  if ((await runningServer(subject)) === undefined) return undefined;
  return askProcess({ kind: "socket", folder: resolve(values.required("data")) }, "webhook-list");
}

function findingsOf(endpoint: Fields): readonly Finding[] {
  const [app, name] = [stringOf(endpoint, "app"), stringOf(endpoint, "name")];
  const whose = `the webhook ${name} of the app ${app}`;
  const number = (key: string): number => wholeOf(endpoint[key], key);
  const [attempts, dead, lost] = [number("attempts"), number("dead"), number("lost")];
  const reason = printable(stringOf(endpoint, "reason"));
  return [
    ...(attempts === 0
      ? []
      : [warning(`${whose} has failed ${counted(attempts, "time")}: ${reason}; roost webhook test ${name} tries it`)]),
    ...(dead === 0
      ? []
      : [warning(`${whose} was not told ${counted(dead, "event")}; roost webhook replay ${name} tells them again`)]),
    ...(lost === 0
      ? []
      : [warning(`${counted(lost, "event")} of ${whose} were deleted before it was told; it was away for too long`)]),
  ];
}
