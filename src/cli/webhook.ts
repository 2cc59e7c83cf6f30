// roost webhook: endpoints of back ends, asked of a running server.

import { arrayOf, type Fields, fieldsOf, flagOf, ifWellFormed, stringOf, wholeOf } from "../base/json-fields.ts";
import { printable } from "../base/printable.ts";
import type { ControlFields } from "../observe/control-commands.ts";
import { printLines, say } from "./command-output.ts";
import { otherVersion } from "./control/ask.ts";
import { askStoreProcess } from "./control/ask-store-process.ts";
import type { OptionValues } from "./option-values.ts";
import { counted, tableLines } from "./text-table.ts";
import { StartError } from "./usage-error.ts";

/** Prints the secret of the endpoint, and on standard error what was done. Throws StartError, UsageError. */
export async function setWebhook(values: OptionValues): Promise<void> {
  const wish = {
    ...endpointIn(values),
    url: values.required("hook-url", "is required: where the webhook leads, such as https://crm.example/roost"),
    events: values.required("event", "is required: what it is told, such as message.stored,group.changed"),
    secret: values.optional("hook-secret") ?? "",
    isFailOpen: values.required("fail-open"),
  };
  const made = await asked(values, "webhook-set", wish, (answer) => ({
    result: stringOf(answer, "result"),
    secret: stringOf(answer, "secret"),
  }));
  say(`the webhook ${wish.name} of the app ${wish.app} was ${made.result}; receivers verify with this secret`);
  await printLines([made.secret]);
}

/** Throws StartError. */
export async function removeWebhook(values: OptionValues): Promise<void> {
  const { app, name } = endpointIn(values);
  await asked(values, "webhook-remove", { app, name }, () => true);
  await printLines([`the webhook ${name} of the app ${app} was removed`]);
}

/** Prints a table, or with --json a line for each endpoint. Throws StartError. */
export async function listWebhooks(values: OptionValues): Promise<void> {
  const app = values.isGiven("app") ? values.required("app") : undefined;
  const endpoints = await asked(values, "webhook-list", { app }, (answer) =>
    arrayOf(answer["endpoints"], "endpoints").map((each) => fieldsOf(each, "endpoints")),
  );
  if (values.required("json")) await printLines(endpoints.map((each) => JSON.stringify(each)));
  else if (endpoints.length === 0) await printLines(["there are no webhooks; roost webhook set makes one"]);
  else {
    const rows = ifWellFormed(() => endpoints.map(rowOf));
    if (rows === undefined) throw new StartError(otherVersion);
    await printLines([...tableLines([header, ...rows])]);
  }
}

/** Throws StartError if the endpoint did not accept. */
export async function testWebhook(values: OptionValues): Promise<void> {
  const { app, name } = endpointIn(values);
  const outcome = await asked(values, "webhook-test", { app, name }, (answer) => ({
    result: stringOf(answer, "result"),
    reason: answer["result"] === "accepted" ? "" : stringOf(answer, "reason"),
  }));
  if (outcome.result !== "accepted") throw new StartError(`${name} did not accept: ${printable(outcome.reason)}`);
  await printLines([`${name} accepted an event of the type webhook.test`]);
}

/** Prints what was given up. Throws StartError. */
export async function deadWebhooks(values: OptionValues): Promise<void> {
  const letters = await asked(values, "webhook-dead", endpointIn(values), (answer) =>
    arrayOf(answer["letters"], "letters").map((each) => fieldsOf(each, "letters")),
  );
  if (values.required("json")) {
    await printLines(letters.map((each) => JSON.stringify(each)));
    return;
  }
  const rows = ifWellFormed(() =>
    letters.map((letter) => [
      stringOf(letter, "webhookId"),
      `${wholeOf(letter["events"], "events")}`,
      `${wholeOf(letter["attempts"], "attempts")}`,
      printable(stringOf(letter, "reason")),
    ]),
  );
  if (rows === undefined) throw new StartError(otherVersion);
  await printLines(
    rows.length === 0
      ? ["nothing was given up"]
      : [...tableLines([["WEBHOOK-ID", "EVENTS", "ATTEMPTS", "REASON"], ...rows])],
  );
}

/** Throws StartError. */
export async function replayWebhook(values: OptionValues): Promise<void> {
  const fields = { ...endpointIn(values), id: values.optional("webhook-id") };
  const batches = await asked(values, "webhook-replay", fields, (answer) => wholeOf(answer["batches"], "batches"));
  await printLines([batches === 0 ? "nothing was given up" : `${counted(batches, "batch")} will be told again`]);
}

const header = ["APP", "NAME", "URL", "EVENTS", "TOLD UNTIL", "WAITING", "DEAD", "LOST", "REASON"];

function rowOf(endpoint: Fields): string[] {
  const toldMs = wholeOf(endpoint["toldMs"], "toldMs");
  const events = arrayOf(endpoint["events"], "events").map(String);
  return [
    stringOf(endpoint, "app"),
    stringOf(endpoint, "name"),
    printable(stringOf(endpoint, "url")),
    events.join(",") + (flagOf(endpoint, "isFailOpen") ? " (fail open)" : ""),
    `${new Date(toldMs).toISOString().slice(0, 19)}Z`,
    `${wholeOf(endpoint["waiting"], "waiting")}`,
    `${wholeOf(endpoint["dead"], "dead")}`,
    `${wholeOf(endpoint["lost"], "lost")}`,
    printable(stringOf(endpoint, "reason")),
  ];
}

function endpointIn(values: OptionValues): { readonly app: string; readonly name: string } {
  return { app: values.required("app"), name: values.operand };
}

async function asked<T>(
  values: OptionValues,
  command: string,
  fields: ControlFields,
  read: (answer: Fields) => T,
): Promise<T> {
  const answer = await askStoreProcess(values, command, fields);
  const found = ifWellFormed(() => ({ value: read(fieldsOf(answer, "the answer")) }));
  if (found === undefined) throw new StartError(otherVersion);
  return found.value;
}
