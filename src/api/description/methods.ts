// The methods of the HTTP API, as the descriptors of proto/api.proto and its comments describe them: what the server,
// GET /openapi.json, GET /docs and `roost api` know of a method stands here.

import { type DescField, type DescMessage, type DescMethod, getOption, hasOption } from "@bufbuild/protobuf";
import { apiComments } from "../../wire/gen/api-comments.ts";
import * as gen from "../../wire/gen/api_pb.ts";

/** A method of the API. */
export interface ApiMethod {
  /** `Messages/Send`. */
  readonly name: string;
  /** `/roost.v1.Messages/Send`: the path of its requests. */
  readonly path: string;
  readonly desc: DescMethod;
  /** Sentences; paragraphs are separated by an empty line. */
  readonly comment: string;
  /** What a key needs for it; `*`: a key with all scopes. */
  readonly scope: string;
  /** Codes of Connect that it answers beside `commonErrors` (errors.ts). */
  readonly errors: readonly string[];
  /** A request, as JSON. */
  readonly example: string;
  /** What the example needs that a new server lacks; empty if nothing. */
  readonly needs: string;
  /** It takes a header Idempotency-Key. */
  readonly isKeyed: boolean;
  /** The answer is a stream of messages. */
  readonly isStream: boolean;
}

/** A service, with its methods in the order of proto/api.proto. */
export interface ApiService {
  /** `Messages`. */
  readonly name: string;
  readonly comment: string;
  readonly methods: readonly ApiMethod[];
}

/** All services, in the order of proto/api.proto. */
export const apiServices: readonly ApiService[] = gen.file_api.services.map((service) => ({
  name: service.name,
  comment: commentOf(service.typeName),
  methods: service.methods.map((desc) => ({
    name: `${service.name}/${desc.name}`,
    path: `/${service.typeName}/${desc.name}`,
    desc,
    comment: commentOf(`${service.typeName}.${desc.name}`),
    scope: getOption(desc, gen.scope),
    errors: getOption(desc, gen.errors),
    example: getOption(desc, gen.example),
    needs: getOption(desc, gen.needs),
    isKeyed: getOption(desc, gen.keyed),
    isStream: desc.methodKind === "server_streaming",
  })),
}));

/** All methods, by name. */
export const apiMethods: ReadonlyMap<string, ApiMethod> = new Map(
  apiServices.flatMap(({ methods }) => methods.map((method) => [method.name, method] as const)),
);

/** What the descriptors say of a field's values. */
interface FieldBounds {
  /** A request without it is refused. */
  readonly isRequired: boolean;
  /** The most items of a list. */
  readonly itemsMax: number | undefined;
  /** The largest number, or the most characters of a text. */
  readonly max: number | undefined;
}

/** The bounds of a field. */
export function boundsOf(field: DescField): FieldBounds {
  return {
    isRequired: getOption(field, gen.required),
    itemsMax: hasOption(field, gen.items) ? getOption(field, gen.items) : undefined,
    max: hasOption(field, gen.max) ? Number(getOption(field, gen.max)) : undefined,
  };
}

/** The comment of a message, or of a field by its message and name; empty if there is none. */
export function commentOf(name: string): string {
  return Object.hasOwn(apiComments, name) ? (apiComments[name] ?? "") : "";
}

/** The comment of a field. */
export function commentOfField(field: DescField): string {
  return commentOf(`${field.parent.typeName}.${field.name}`);
}

/** The messages that methods use, each once, in the order in which one meets them. */
export function messagesOf(methods: Iterable<ApiMethod>): ReadonlySet<DescMessage> {
  const found = new Set<DescMessage>();
  const visit = (message: DescMessage): void => {
    if (found.has(message)) return;
    found.add(message);
    for (const field of message.fields) if (field.message !== undefined) visit(field.message);
  };
  for (const { desc } of methods) {
    visit(desc.input);
    visit(desc.output);
  }
  return found;
}
