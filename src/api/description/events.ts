// What webhooks say, for GET /openapi.json and GET /docs. The store writes the data (src/store/hook-records.ts); a test
// compares what a server sends.

import type { Schema } from "./schemas.ts";

/** A field of an event's data. */
interface EventField {
  readonly name: string;
  readonly type: keyof typeof fieldSchemas;
  readonly meaning: string;
  /** It is in some events only. */
  readonly isOptional?: true;
}

export interface DescribedEvent {
  /** `message.stored`. */
  readonly type: string;
  readonly when: string;
  readonly fields: readonly EventField[];
}

/** Types of fields, in words, as JSON Schema. */
const fieldSchemas = {
  string: { type: "string" },
  int64: { type: "string", pattern: "^-?[0-9]{1,19}$", format: "int64" },
  integer: { type: "integer" },
  bool: { type: "boolean" },
  "list of string": { type: "array", items: { type: "string" } },
  object: { type: "object" },
} as const;

const messageFields: readonly EventField[] = [
  { name: "messageId", type: "int64", meaning: "The message." },
  { name: "from", type: "string", meaning: "The account that sent it, or `@system`." },
  { name: "to", type: "string", meaning: "The account that received it.", isOptional: true },
  { name: "group", type: "string", meaning: "The group that received it.", isOptional: true },
  { name: "type", type: "integer", meaning: "What the body is; 1 is a plain text." },
  { name: "body", type: "string", meaning: "The text as it is now; empty if it was recalled." },
  { name: "extra", type: "string", meaning: "What clients want beside the text." },
  { name: "sendTime", type: "int64", meaning: "When it was stored, in nanoseconds since 1970." },
  { name: "mentions", type: "list of string", meaning: "Accounts whose attention it draws.", isOptional: true },
  { name: "replyTo", type: "int64", meaning: "The message that it answers.", isOptional: true },
  { name: "edited", type: "bool", meaning: "The text was edited.", isOptional: true },
  { name: "recalled", type: "bool", meaning: "It was recalled.", isOptional: true },
];

/** Of a message that was deleted since, the id and the place alone are told. */
const changedMessageFields: readonly EventField[] = [
  ...messageFields.map((field) => (field.name === "messageId" ? field : { ...field, isOptional: true as const })),
  { name: "by", type: "string", meaning: "Who did it." },
  { name: "time", type: "int64", meaning: "When, in nanoseconds since 1970." },
];

const account: EventField = { name: "account", type: "string", meaning: "The account." };

/** What endpoints are told. */
export const toldEvents: readonly DescribedEvent[] = [
  { type: "message.stored", when: "A message was stored.", fields: messageFields },
  {
    type: "message.undelivered",
    when:
      "The receiver of a message has no live connection, or has not acknowledged the message after 10 seconds: the " +
      "moment for a push to a phone. In groups of up to 1,000 members, of each member that has not muted the group. " +
      "What is older than an hour is left out. Whoever is told of `message.stored`, too, has accepted that first.",
    fields: [
      { name: "account", type: "string", meaning: "The receiver." },
      { name: "mentioned", type: "bool", meaning: "The message mentions it." },
      { name: "unread", type: "integer", meaning: "How much it has not read.", isOptional: true },
      { name: "message", type: "object", meaning: "The message, as in `message.stored`." },
    ],
  },
  { type: "message.edited", when: "The text of a message was replaced.", fields: changedMessageFields },
  { type: "message.recalled", when: "A message was recalled.", fields: changedMessageFields },
  {
    type: "group.changed",
    when: "A group was created, changed or dismissed, or its members were.",
    fields: [
      { name: "group", type: "string", meaning: "The group." },
      {
        name: "change",
        type: "string",
        meaning:
          "`created`, `updated`, `joined`, `left`, `removed`, `role`, `muted`, `transferred`, `pinned`, `dismissed`, " +
          "`settings` or `alias`.",
      },
      { name: "by", type: "string", meaning: "Who did it, or `@system`." },
      { name: "time", type: "int64", meaning: "When, in nanoseconds since 1970." },
      { name: "accounts", type: "list of string", meaning: "Whom it concerns, at most 100 of them.", isOptional: true },
      { name: "count", type: "integer", meaning: "How many it concerns.", isOptional: true },
      { name: "role", type: "string", meaning: "`member`, `admin` or `owner`.", isOptional: true },
      { name: "until", type: "int64", meaning: "Until when, in seconds since 1970.", isOptional: true },
      { name: "fields", type: "list of string", meaning: "What of the group was changed.", isOptional: true },
      { name: "messageId", type: "int64", meaning: "The message that was pinned.", isOptional: true },
      { name: "off", type: "bool", meaning: "It was taken back.", isOptional: true },
    ],
  },
  {
    type: "account.online",
    when: "The first device of an account came. Told from memory: a crash may lose it.",
    fields: [account],
  },
  {
    type: "account.offline",
    when: "The last device of an account went. Told from memory: a crash may lose it.",
    fields: [account],
  },
];

/** What the first endpoint of an app that names them is asked before it happens. */
export const askedEvents: readonly DescribedEvent[] = [
  {
    type: "before.send",
    when: "A message is about to be stored, or its author is about to give it another text.",
    fields: [
      ...messageFields.filter(({ name }) => !["messageId", "sendTime", "edited", "recalled"].includes(name)),
      {
        name: "edits",
        type: "int64",
        meaning: "The message that gets this text; absent for a new one.",
        isOptional: true,
      },
    ],
  },
  {
    type: "before.group",
    when: "A group is about to be created or changed.",
    fields: [
      { name: "by", type: "string", meaning: "Who wants it." },
      { name: "command", type: "string", meaning: "The command of the client, such as `chat.group.add`." },
      { name: "group", type: "string", meaning: "Absent for a new one, and with an invitation.", isOptional: true },
    ],
  },
];

/** What holds for all webhooks, in paragraphs. */
export const webhookTexts: readonly string[] = [
  'Admin/SetWebhook names an address. Events are sent there as a `POST` of `{"app": "…", "events": [{"id": "…", ' +
    '"type": "message.stored", "timestamp": "…", "data": {…}}]}`, at most 1,000 or 1 MiB of them, signed as Standard ' +
    "Webhooks says: `webhook-id`, `webhook-timestamp` and `webhook-signature`, which its libraries verify with the " +
    "secret `whsec_…`.",
  "A status from 200 to 299 within 15 seconds takes them. Otherwise they are sent again with growing pauses for 24 " +
    "hours, under the same `webhook-id`, with texts as they are then; after that they are dead letters " +
    "(Admin/ListDeadLetters, Admin/ReplayDeadLetters). An event may come more than once, with the same id, and comes " +
    "in order within its conversation.",
  "An endpoint with `before.send` or `before.group` is asked first, and the client waits (`--hook-timeout`): " +
    '`{"app": "…", "questions": [{"id": "0", "type": "before.send", "timestamp": "…", "data": {…}}]}`. It answers ' +
    'with 204 to allow all, or with 200 and `{"answers": [{"id": "0", "allow": false, "reason": "…"}]}`; `body` and ' +
    "`extra` of an answer replace those of a message. Without an answer in time, the client is told to repeat it " +
    "later, unless the endpoint is set to `failOpen`.",
];

/** The schema of an event with its data. */
export function eventSchema({ type, when, fields }: DescribedEvent): Schema {
  return {
    type: "object",
    description: when,
    properties: {
      id: { type: "string", description: "The same whenever the event is sent." },
      type: { const: type },
      timestamp: { type: "string", format: "date-time" },
      data: {
        type: "object",
        properties: Object.fromEntries(
          fields.map(({ name, type: kind, meaning }) => [name, { ...fieldSchemas[kind], description: meaning }]),
        ),
        required: fields.filter(({ isOptional }) => isOptional !== true).map(({ name }) => name),
      },
    },
    required: ["id", "type", "timestamp", "data"],
  };
}
