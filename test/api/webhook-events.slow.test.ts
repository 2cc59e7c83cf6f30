// The events that a server sends are those that GET /openapi.json describes.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { eventSchema, toldEvents } from "../../src/api/description/events.ts";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-webhook-events-");
/** Told when devices come and go, or do not acknowledge: other tests have these. */
const elsewhere = ["account.online", "account.offline"];

interface Event {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}
const events: Event[] = [];
const receiver = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request) {
    const { events: told }: { readonly events: readonly Event[] } = await request.json();
    events.push(...told);
    return new Response(null, { status: 204 });
  },
});
let server: ServerProcess;
beforeAll(async () => {
  server = await ServerProcess.start(folder, ["--hook-allow", "127.0.0.1"]);
}, 60_000);
afterAll(async () => {
  await server.end("SIGTERM");
  await receiver.stop(true);
});

async function call(method: string, request: object): Promise<Readonly<Record<string, string>>> {
  const key = readFileSync(join(folder, "data/api-key"), "utf8").trim();
  const response = await fetch(`${server.api}/roost.v1.${method}`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  const answer = await response.json();
  expect([method, response.status, answer]).toEqual([method, 200, expect.any(Object)]);
  return answer;
}

test("every event fits its schema, which has all of its fields", async () => {
  const types = toldEvents.map(({ type }) => type).filter((type) => !elsewhere.includes(type));
  await call("Admin/SetWebhook", { name: "all", url: `http://127.0.0.1:${receiver.port}/`, events: types });
  const { messageId } = await call("Messages/Send", { sender: "alice", to: "bob", body: "hi", mentions: ["bob"] });
  await call("Messages/Send", { sender: "bob", to: "alice", body: "yes", replyTo: messageId });
  await call("Messages/Edit", { actor: "alice", messageId, body: "hello" });
  await call("Messages/Recall", { actor: "alice", messageId });
  const { group } = await call("Groups/Create", { name: "g", owner: "alice", members: ["bob", "carol"] });
  await call("Messages/Send", { sender: "alice", group, body: "all", mentions: ["*"] });
  await call("Groups/Update", { actor: "alice", group, name: "h", muted: true });
  await call("Groups/AddMembers", { actor: "alice", group, accounts: ["dave"] });
  await call("Groups/SetRole", { actor: "alice", group, account: "bob", role: "admin" });
  await call("Groups/Mute", { actor: "alice", group, account: "carol", until: "4102444800" });
  await call("Groups/RemoveMembers", { actor: "alice", group, accounts: ["dave"] });
  await call("Groups/Transfer", { actor: "alice", group, account: "bob" });
  await call("Groups/Dismiss", { actor: "bob", group });
  await until(() => types.every((type) => events.some((event) => event.type === type)), "each type of event", 40_000);
  await until(() => events.some(({ data }) => data["change"] === "dismissed"), "the last change");

  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  for (const described of toldEvents) {
    const schema = JSON.parse(JSON.stringify(eventSchema(described)));
    schema.additionalProperties = false;
    schema.properties.data.additionalProperties = false;
    const validate = ajv.compile(schema);
    for (const event of events.filter(({ type }) => type === described.type))
      expect([event, validate(event), ajv.errorsText(validate.errors)]).toEqual([event, true, "No errors"]);
  }
}, 90_000);
