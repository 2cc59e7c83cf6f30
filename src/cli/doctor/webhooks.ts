// How the webhooks do of the standalone server that runs with the options that are examined, or of the cluster to which
// they belong.

import { resolve } from "node:path";
import { arrayOf, type Fields, fieldsOf, ifWellFormed, stringOf, wholeOf } from "../../base/json-fields.ts";
import { printable } from "../../base/printable.ts";
import type { ControlPlace } from "../control/ask.ts";
import { askEach } from "../control/ask-each.ts";
import { findStoreProcesses } from "../control/find-process.ts";
import { counted } from "../text-table.ts";
import { StartError, UsageError } from "../usage-error.ts";
import { type Finding, ok, type Subject, warning } from "./finding.ts";
import { runningServer } from "./running-server.ts";

/** The time of each process to answer: what it is asked for is a look at its store. */
const answerMsMax = 1_500;
/** Processes that are asked; all of them say the same. */
const askedMax = 16;

/** Nothing if no server runs that could be asked, or if there are no webhooks. */
export async function checkWebhooks(subject: Subject): Promise<readonly Finding[]> {
  const places = await placesOf(subject).catch((error: unknown) => {
    // Other checks say what is wrong with the registry and keys.
    if (error instanceof StartError || error instanceof UsageError) return [];
    throw error;
  });
  // Who refuses begins or ends just now, or is of a former release.
  const { answers, late } = await askEach(places.slice(0, askedMax), "webhook-list", answerMsMax);
  return [...late.map(lateFinding), ...webhookFindings(answers[0])];
}

function lateFinding(place: ControlPlace): Finding {
  const which =
    place.kind === "socket"
      ? `the server of ${place.folder}`
      : place.kind === "link"
        ? `the chat node ${place.id ?? ""} at ${place.address}`
        : place.url;
  return warning(
    `${which} has not answered within ${answerMsMax / 1_000} s: it hangs, or is overloaded; ` +
      "look at its log, and restart it",
  );
}

function webhookFindings(answer: unknown): readonly Finding[] {
  const endpoints = ifWellFormed(() => arrayOf(fieldsOf(answer, "answer")["endpoints"], "endpoints")) ?? [];
  if (endpoints.length === 0) return [];
  const findings = endpoints.flatMap((each) => ifWellFormed(() => findingsOf(fieldsOf(each, "endpoints"))) ?? []);
  return findings.length > 0 ? findings : [ok(`${counted(endpoints.length, "webhook")}, told of all that happened`)];
}

async function placesOf(subject: Subject): Promise<readonly ControlPlace[]> {
  const { values, role } = subject;
  if (role !== "standalone") return findStoreProcesses(values);
  if ((await runningServer(subject)) === undefined) return [];
  return [{ kind: "socket", folder: resolve(values.required("data")) }];
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
