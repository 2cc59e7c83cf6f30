// A method of the API: its descriptor, and what serves it. Files in services/ make them; server.ts finds them by path.

import {
  create,
  type DescMessage,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromJson,
  getOption,
  isMessage,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { assert } from "../base/assert.ts";
import { decodeBody } from "../wire/body.ts";
import { scope as scopeOption } from "../wire/gen/api_pb.ts";
import type { ApiCall } from "./api-call.ts";
import { invalid } from "./codes.ts";
import { checkOf, type MessageCheck } from "./field-checks.ts";
import { parseJson } from "./json-guard.ts";

/** The bodies of requests and answers: JSON (ProtoJSON), or binary protobuf. */
export type Encoding = "json" | "proto";

/** A method with one answer. */
export interface UnaryMethod {
  readonly kind: "unary";
  readonly desc: DescMethodUnary;
  /** Decodes, checks and runs a request; returns the encoded answer. Throws ConnectError, and as stores do. */
  readonly run: (body: Uint8Array, encoding: Encoding, call: ApiCall) => Promise<Uint8Array<ArrayBuffer> | string>;
}

/** A method whose answer is a stream. */
export interface StreamMethod {
  readonly kind: "stream";
  readonly desc: DescMethodServerStreaming;
  /** Checks and runs a request. Throws ConnectError, and as stores do, also between two messages. */
  readonly run: (request: object, call: ApiCall) => AsyncIterable<Message>;
}

export type Method = UnaryMethod | StreamMethod;

/** A stream looks its key up again this often, so that a revoked one is refused within a second in its middle, too. */
const keyCheckMs = 200;

/** What serves a method: it gets a checked request, whose `app` is in the call. */
type Serve<I extends DescMessage, Answer> = (request: MessageShape<I>, call: ApiCall) => Answer;

export function unary<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodUnary<I, O>,
  serve: Serve<I, Promise<MessageInitShape<O>>>,
): UnaryMethod {
  const { input, output } = desc;
  const admit = admissionOf(desc);
  return {
    kind: "unary",
    desc,
    async run(body, encoding, call) {
      const request = encoding === "json" ? fromText(input, body) : decodeBody(input, body);
      if (request === undefined) throw invalid(`the body is not a ${input.name} in protobuf`);
      admit(request, call);
      const answer = create(output, await serve(request, call));
      return encoding === "json" ? JSON.stringify(toJson(output, answer)) : toBinary(output, answer);
    },
  };
}

export function stream<I extends DescMessage, O extends DescMessage>(
  desc: DescMethodServerStreaming<I, O>,
  serve: Serve<I, AsyncIterable<MessageInitShape<O>>>,
): StreamMethod {
  const { input, output } = desc;
  const admit = admissionOf(desc);
  return {
    kind: "stream",
    desc,
    async *run(request, call) {
      assert(isMessage(request, input), "the request was decoded by the method's descriptor");
      admit(request, call);
      let checkedMs = call.nowMs;
      for await (const message of serve(request, call)) {
        call.throwIfEnded();
        if (call.nowMs - checkedMs >= keyCheckMs) {
          await call.requireKey();
          checkedMs = call.nowMs;
        }
        yield create(output, message);
      }
    },
  };
}

/** The scope is judged first: who lacks it learns nothing of the request. */
function admissionOf(desc: DescMethodUnary | DescMethodServerStreaming): (request: object, call: ApiCall) => void {
  const scope = getOption(desc, scopeOption);
  const check: MessageCheck = checkOf(desc.input);
  return (request, call) => {
    call.admit(scope, "app" in request && typeof request.app === "string" ? request.app : "");
    check(request);
  };
}

/** An empty body is a request without fields, as in `curl -X POST`. */
function fromText<I extends DescMessage>(schema: I, body: Uint8Array): MessageShape<I> {
  if (body.length === 0) return create(schema);
  const json = parseJson(body);
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what JSON.parse returns is JSON
    return fromJson(schema, json as Parameters<typeof fromJson>[1]);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message : String(error));
  }
}
