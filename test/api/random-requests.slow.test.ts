// Random requests to every method: none fails the server, and every answer is as GET /openapi.json says.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import { commonErrors } from "../../src/api/description/errors.ts";
import { type ApiMethod, apiMethods } from "../../src/api/description/methods.ts";
import { enveloped, streamedMessages } from "../../src/cli/api/stream.ts";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { type Known, requestsOf } from "../support/api-requests.ts";
import { testSeed } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const runs = 60;
/** A stream is ended after so many messages. */
const streamedMax = 50;
/** They end the server, or the key that the requests are sent with. */
const leftOut = new Set(["Admin/Drain", "Admin/RevokeKey"]);

const folder = temporaryFolder("roost-random-requests-");
let server: ServerProcess;
let key: string;
let judge: (schema: string, value: unknown) => string;
beforeAll(async () => {
  server = await ServerProcess.start(folder);
  key = readFileSync(join(folder, "data/api-key"), "utf8").trim();
  judge = judgeOf(await (await fetch(`${server.api}/openapi.json`)).json());
}, 60_000);
afterAll(() => server.end("SIGTERM"));

/** Judges values by the schemas of the document, with fields that it does not know as faults. '' if there are none. */
function judgeOf(document: { components: { schemas: Record<string, object> } }): typeof judge {
  const schemas = Object.fromEntries(
    Object.entries(document.components.schemas).map(([name, schema]) => [
      name,
      { ...schema, additionalProperties: false },
    ]),
  );
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  const compiled = new Map<string, ValidateFunction>();
  return (name, value) => {
    const validate =
      compiled.get(name) ?? ajv.compile({ $ref: `#/components/schemas/${name}`, components: { schemas } });
    compiled.set(name, validate);
    return validate(value) ? "" : ajv.errorsText(validate.errors);
  };
}

interface Answered {
  readonly status: number;
  readonly messages: readonly unknown[];
  /** The error that ended a stream, or the answer that is none. */
  readonly error: unknown;
}

async function send({ path, isStream }: ApiMethod, request: unknown): Promise<Answered> {
  const json = JSON.stringify(request);
  const response = await fetch(`${server.api}${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": isStream ? "application/connect+json" : "application/json",
    },
    body: isStream ? enveloped(json) : json,
  });
  const { status, ok, body } = response;
  if (!ok || !isStream || body === null) {
    const value: unknown = await response.json();
    return ok ? { status, messages: [value], error: undefined } : { status, messages: [], error: value };
  }
  const messages: unknown[] = [];
  for await (const { json: text, isEnd } of streamedMessages(body)) {
    const value: unknown = JSON.parse(text);
    if (isEnd) return { status, messages, error: Object(value).error };
    messages.push(value);
    if (messages.length >= streamedMax) break;
  }
  return { status, messages, error: undefined };
}

/** Ids in answers, for later requests; the newest of each kind. */
const known: Record<keyof Known, string[]> = { group: [], message: [], other: [] };
const knownMax = 50;
function remember(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    if (typeof item === "string" && item !== "") {
      const kind = /^messageId$/.test(name) ? "message" : /^group$/.test(name) ? "group" : "other";
      if (/^(group|id|.*Id|cursor|name)$/.test(name)) known[kind] = [...known[kind], item].slice(-knownMax);
    }
    remember(item);
  }
}

/** A body that holds a key is not printed. */
const shown = (request: unknown): string => JSON.stringify(request).slice(0, 500);

/** Those that make what the others need come first. */
const first = ["Groups/Create", "Messages/Send"];
const ordered = [...first.flatMap((name) => apiMethods.get(name) ?? []), ...apiMethods.values()];

const seed = testSeed("random requests");
for (const method of new Set(ordered)) {
  const { name, desc, errors } = method;
  if (leftOut.has(name)) continue;
  test(`${name} answers any request as the document says`, async () => {
    const codes = [...commonErrors.keys(), ...errors];
    await fc.assert(
      fc.asyncProperty(
        requestsOf(desc.input, () => known),
        async (request) => {
          const { status, messages, error } = await send(method, request);
          if (status >= 500 && status !== 501) throw new Error(`status ${status}: ${shown(error)}`);
          for (const message of messages) {
            const fault = judge(desc.output.name, message);
            if (fault !== "") throw new Error(`${fault}: ${shown(message)}`);
            remember(message);
          }
          if (error === undefined) return;
          const fault = judge("Error", error);
          if (fault !== "") throw new Error(`${fault}: ${shown(error)}`);
          const { code, message } = Object(error);
          if (!codes.includes(code)) throw new Error(`the code ${code} is not told: ${message}`);
          if (typeof message !== "string" || message === "") throw new Error(`the error ${code} has no sentence`);
        },
      ),
      { seed, numRuns: runs },
    );
  }, 60_000);
}

test("the server has met no bug", async () => {
  expect(server.log).not.toMatch(/^\S+ (?:error|bug) /m);
  expect((await fetch(`${server.monitor}/health`)).status).toBe(200);
});
