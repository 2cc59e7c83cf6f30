// GET /openapi.json: the HTTP API as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0), made from the descriptors.

import type { JsonValue } from "@bufbuild/protobuf";
import { commonErrors, errorCodes, otherError } from "./errors.ts";
import { type ApiMethod, apiServices, messagesOf } from "./methods.ts";
import { openapiWebhooks } from "./openapi-webhooks.ts";
import { overview } from "./overview.ts";
import { referenceTo, type Schema, schemaOf } from "./schemas.ts";

const answerHeaders = { "x-request-id": { $ref: "#/components/headers/RequestId" } };
const errorContent = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };

/** The document. `version` is the server's. */
export function openapiDocument(version: string): Schema {
  const methods = apiServices.flatMap((service) => service.methods);
  return {
    openapi: "3.1.0",
    info: {
      title: "Roost: API for back ends",
      version,
      description: overview.map(({ title, text }) => `## ${title}\n\n${text}`).join("\n\n"),
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "This server" }],
    security: [{ key: [] }],
    tags: apiServices.map(({ name, comment }) => ({ name, description: comment })),
    paths: Object.fromEntries(methods.map((method) => [method.path, { post: operationOf(method) }])),
    webhooks: openapiWebhooks,
    components: {
      schemas: { ...Object.fromEntries(messageSchemas(methods)), Error: errorSchema },
      responses: commonResponses(),
      parameters,
      headers: { RequestId: { description: "The request's id, which is in the log.", schema: requestIdSchema } },
      securitySchemes: {
        key: { type: "http", scheme: "bearer", bearerFormat: "rk_…", description: "A key: roost key create." },
      },
    },
  };
}

function messageSchemas(methods: readonly ApiMethod[]): [name: string, schema: Schema][] {
  const rows = [...messagesOf(methods)].map(({ name }) => name);
  const twice = rows.find((name, at) => rows.indexOf(name) !== at || name === "Error");
  if (twice !== undefined) throw new Error(`proto/api.proto: two messages are named ${twice}; rename one`);
  return [...messagesOf(methods)].map((message) => [message.name, schemaOf(message)]);
}

const requestIdSchema = { type: "string", pattern: "^[A-Za-z0-9_.-]{1,64}$" };

const errorSchema = {
  type: "object",
  description: "An error of the Connect protocol.",
  properties: {
    code: { type: "string", enum: errorCodes },
    message: { type: "string", description: "What is wrong, as a sentence." },
    details: { type: "array", items: { type: "object" } },
  },
  required: ["code"],
};

const parameters = {
  Timeout: {
    name: "Connect-Timeout-Ms",
    in: "header",
    description: "How long the server may take, in milliseconds.",
    schema: { type: "integer", minimum: 1, maximum: 9_999_999_999 },
  },
  RequestId: {
    name: "x-request-id",
    in: "header",
    description: "An id of the caller's for the request, in place of one that the server makes.",
    schema: requestIdSchema,
  },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description: "Within 24 hours, the same request with the same key is answered like the first one and does nothing.",
    schema: { type: "string", pattern: "^[!-~]{1,64}$" },
  },
};

function operationOf(method: ApiMethod): Schema {
  const { name, desc, comment, scope, isKeyed, isStream } = method;
  const [tag = ""] = name.split("/");
  const input = referenceTo(desc.input);
  const output = referenceTo(desc.output);
  const type = isStream ? "application/connect+json" : "application/json";
  return {
    operationId: name.replace("/", "_"),
    tags: [tag],
    summary: summaryOf(comment),
    description: descriptionOf(method),
    "x-scope": scope,
    parameters: ["Timeout", "RequestId", ...(isKeyed ? ["IdempotencyKey"] : [])].map((parameter) => ({
      $ref: `#/components/parameters/${parameter}`,
    })),
    requestBody: {
      required: true,
      content: { [type]: isStream ? { "x-message": input } : { schema: input, example: exampleOf(method) } },
    },
    responses: {
      200: {
        description: isStream ? "A stream of messages, each in an envelope of the Connect protocol." : "The answer.",
        headers: answerHeaders,
        content: { [type]: isStream ? { "x-message": output } : { schema: output } },
      },
      ...errorResponses(method),
    },
  };
}

function exampleOf({ example }: ApiMethod): JsonValue {
  const value: JsonValue = JSON.parse(example);
  return value;
}

function summaryOf(comment: string): string {
  return /^(.*?)\.(?: |\n|$)/s.exec(comment)?.[1] ?? comment;
}

function descriptionOf({ comment, scope, isStream }: ApiMethod): string {
  const wanted = scope === "*" ? "Needs a key with all scopes, `*`." : `Needs the scope \`${scope}\`.`;
  const stream = isStream
    ? ["The request and each message of the answer are in envelopes: a byte of flags, the length in four bytes, JSON."]
    : [];
  return [comment, wanted, ...stream].join("\n\n");
}

/** By status; codes with one status share a response. */
function errorResponses({ errors }: ApiMethod): Record<string, Schema> {
  const responses: Record<string, Schema> = {};
  for (const { status } of commonErrors.values()) responses[status] = { $ref: `#/components/responses/${status}` };
  const own = Map.groupBy(errors, (code) => otherError(code).status);
  for (const [status, codes] of own) {
    const common = [...commonErrors].filter(([, error]) => error.status === status).map(([code]) => code);
    responses[status] = responseOf([...common, ...codes]);
  }
  return responses;
}

function commonResponses(): Record<string, Schema> {
  return Object.fromEntries([...commonErrors].map(([code, { status }]) => [status, responseOf([code])]));
}

function responseOf(codes: readonly string[]): Schema {
  const texts = codes.map((code) => `\`${code}\`: ${(commonErrors.get(code) ?? otherError(code)).meaning}`);
  return { description: texts.join("\n\n"), headers: answerHeaders, content: errorContent };
}
