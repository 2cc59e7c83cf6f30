// Random requests to every method: none fails the server, and every answer is as GET /openapi.json says.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import fc from "fast-check";
import { commonErrors } from "../../src/api/description/errors.ts";
import { type ApiMethod, apiMethods } from "../../src/api/description/methods.ts";
import { enveloped, streamedMessages } from "../../src/cli/api/stream.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { type Known, requestsOf } from "../support/api-requests.ts";
import { testSeed } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const runs = 60;
const knownMax = 50;
/** A stream is ended after so many messages. */
const streamedMax = 50;
/** They end the server, or the key that the requests are sent with. */
const leftOut = new Set(["Admin/Drain", "Admin/RevokeKey"]);

/** Says what is wrong with a value by a schema; '' if nothing is. */
type Judge = (schema: string, value: unknown) => string;

/** Judges values by the schemas of the document, with fields that it does not know as faults. */
function judgeOf(document: { components: { schemas: Record<string, object> } }): Judge {
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

/** A server with the API. */
interface Place {
  /** `http://host:port`. */
  readonly api: string;
  readonly key: string;
  log(): string;
  end(): Promise<unknown>;
}

async function standalone(folder: string): Promise<Place> {
  const server = await ServerProcess.start(folder);
  const key = readFileSync(join(folder, "data/api-key"), "utf8").trim();
  return { api: server.api, key, log: () => server.log, end: () => server.end("SIGTERM") };
}

/** A cluster with its messages on PostgreSQL, whose chat node serves the API. */
async function cluster(folder: string): Promise<Place> {
  const postgres = await PostgresServer.start();
  const store = await postgres.makeDatabase();
  const [port] = await freePorts(1);
  const size = { discovery: 1, gateways: 1, logins: 1, chats: 1 };
  const words = { chat: ["--api", `127.0.0.1:${port}`] };
  const nodes = await ProcessCluster.start({ folder, size, store, words, logs: folder });
  const { out } = await run(
    ["key", "create", "--store", store, "--app", "default", "--scope", "*", "--name", "random requests"],
    folder,
  );
  return {
    api: `http://127.0.0.1:${port}`,
    key: out.trim(),
    log: () => readFileSync(join(folder, "chat-1.log"), "utf8"),
    async end() {
      await nodes.stop();
      await postgres.stop();
    },
  };
}

async function send({ api, key }: Place, { path, isStream }: ApiMethod, request: unknown): Promise<Answered> {
  const json = JSON.stringify(request);
  const response = await fetch(`${api}${path}`, {
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
class Memory implements Known {
  group: readonly string[] = [];
  message: readonly string[] = [];
  other: readonly string[] = [];

  add(value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    for (const [name, item] of Object.entries(value)) {
      if (typeof item === "string" && item !== "" && /^(group|id|.*Id|cursor|name)$/.test(name)) {
        const kind = name === "messageId" ? "message" : name === "group" ? "group" : "other";
        this[kind] = [...this[kind], item].slice(-knownMax);
      }
      this.add(item);
    }
  }
}

/** A body that holds a key is not printed. */
const shown = (request: unknown): string => JSON.stringify(request).slice(0, 500);

/** Those that make what the others need come first. */
const first = ["Groups/Create", "Messages/Send"];
const ordered = [...first.flatMap((name) => apiMethods.get(name) ?? []), ...apiMethods.values()];

const seed = testSeed("random requests");

describe.each([
  ["SQLite", standalone],
  ["PostgreSQL", cluster],
] as const)("on %s", (engine, start) => {
  const isSkipped = engine === "PostgreSQL" && !hasPostgres;
  const folder = temporaryFolder("roost-random-requests-");
  const known = new Memory();
  let place: Place;
  let judge: Judge;
  beforeAll(async () => {
    if (isSkipped) return;
    place = await start(folder);
    judge = judgeOf(await (await fetch(`${place.api}/openapi.json`)).json());
  }, 120_000);
  afterAll(() => place?.end());

  async function ask(method: ApiMethod, request: unknown): Promise<void> {
    const { status, messages, error } = await send(place, method, request);
    if (status >= 500 && status !== 501) throw new Error(`status ${status}: ${shown(error)}`);
    for (const message of messages) {
      const fault = judge(method.desc.output.name, message);
      if (fault !== "") throw new Error(`${fault}: ${shown(message)}`);
      known.add(message);
    }
    if (error === undefined) return;
    const fault = judge("Error", error);
    if (fault !== "") throw new Error(`${fault}: ${shown(error)}`);
    const { code, message } = Object(error);
    if (code === "unauthenticated") throw new Error("the key of the test is refused");
    if (!commonErrors.has(code) && !method.errors.includes(code))
      throw new Error(`the code ${code} is not told: ${message}`);
    if (typeof message !== "string" || message === "") throw new Error(`the error ${code} has no sentence`);
  }

  for (const method of new Set(ordered)) {
    const { name, desc } = method;
    if (leftOut.has(name)) continue;
    test.skipIf(isSkipped)(
      `${name} answers any request as the document says`,
      async () => {
        const requests = requestsOf(desc.input, () => known);
        await fc.assert(
          fc.asyncProperty(requests, (request) => ask(method, request)),
          { seed, numRuns: runs },
        );
      },
      60_000,
    );
  }

  test.skipIf(isSkipped)("messages were stored, and the server has met no bug", () => {
    expect(known.message).not.toEqual([]);
    expect(place.log()).not.toMatch(/^\S+ error /m);
  });
});
