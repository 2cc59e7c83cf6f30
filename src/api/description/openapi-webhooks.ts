// The webhooks of GET /openapi.json: requests that the server sends.

import { askedEvents, type DescribedEvent, eventSchema, toldEvents, webhookTexts } from "./events.ts";
import type { Schema } from "./schemas.ts";

const headers = [
  ["webhook-id", "Of the list of events: the same whenever it is sent."],
  ["webhook-timestamp", "When it is sent, in seconds since 1970."],
  ["webhook-signature", "`v1,` and the base64 of an HMAC-SHA256 by the secret of the endpoint."],
].map(([name, description]) => ({ name, in: "header", description, required: true, schema: { type: "string" } }));

const taken = { 204: { description: "Taken." } };

/** By name, as OpenAPI 3.1 has them. */
export const openapiWebhooks: Schema = {
  events: { post: operation("Tells of events", "events", toldEvents, taken) },
  questions: {
    post: operation("Asks before something happens", "questions", askedEvents, {
      200: { description: "Answers, by ids of questions.", content: { "application/json": { schema: answers() } } },
      204: { description: "All are allowed." },
    }),
  },
};

function operation(
  summary: string,
  list: "events" | "questions",
  described: readonly DescribedEvent[],
  responses: Schema,
): Schema {
  const schema = {
    type: "object",
    properties: { app: { type: "string" }, [list]: { type: "array", items: { oneOf: described.map(eventSchema) } } },
    required: ["app", list],
  };
  return {
    operationId: `webhook_${list}`,
    summary,
    description: webhookTexts.join("\n\n"),
    security: [],
    parameters: headers,
    requestBody: { required: true, content: { "application/json": { schema } } },
    responses,
  };
}

function answers(): Schema {
  const answer = {
    type: "object",
    properties: {
      id: { type: "string", description: "Of the question." },
      allow: { type: "boolean", description: "False refuses; a question without an answer is allowed." },
      reason: { type: "string", description: "Why it is refused: the client is told." },
      body: { type: "string", description: "In place of the message's." },
      extra: { type: "string", description: "In place of the message's." },
    },
    required: ["id"],
  };
  return { type: "object", properties: { answers: { type: "array", items: answer } } };
}
