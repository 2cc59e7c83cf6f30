// Answers requests of the Connect protocol (https://connectrpc.com/docs/protocol). Those with one answer are served
// here, because the package's path for them costs several times what they do: streams, signals and headers for each.
// What is a stream goes that path. Both are tested with the package's clients.
//
// The order of the checks is that of their costs: what is asked, who asks and how often, and how much, before a body
// is read.

import { Code, ConnectError, createConnectRouter, createContextKey, createContextValues } from "@connectrpc/connect";
import { universalServerResponseToFetch } from "@connectrpc/connect/protocol";
import { codeToHttpStatus, codeToString, parseTimeout } from "@connectrpc/connect/protocol-connect";
import { apiBodyBytesMax } from "../base/limits/fixed.ts";
import { RareLog } from "../base/rare-log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { ApiCall, noSuchKey, tooLate } from "./api-call.ts";
import type { ApiParts } from "./api-parts.ts";
import { knownError } from "./codes.ts";
import { parseJson } from "./json-guard.ts";
import { KeyRates } from "./key-rates.ts";
import type { ApiKey } from "./keys/api-key.ts";
import type { KeyRing } from "./keys/key-ring.ts";
import type { Encoding, Method, StreamMethod, UnaryMethod } from "./method.ts";
import type { OpenRequests } from "./open-requests.ts";
import { OpenStreams, untilEnded } from "./open-streams.ts";
import { announcedBytes, HeldBodies, readBody } from "./request-body.ts";
import { requestIdHeader, RequestIds } from "./request-id.ts";

/** What serves a stream. */
type StreamHandler = ReturnType<typeof createConnectRouter>["handlers"][number];

const callOfStream = createContextKey<ApiCall | undefined>(undefined);
/** The code of a request that succeeded, in numbers. */
const ok = "ok";
const timeoutHeader = "connect-timeout-ms";
const bearer = /^bearer +(\S+)$/i;
/** Answers with more are compressed for who takes that. */
const compressedFrom = 4 * 1024;
/** Timers take less than 2^31 ms. */
const timerMsMax = 2 ** 31 - 1;
/** Bodies that nobody has read are read on by the platform; beyond this length the connection ends instead. */
const unreadBytesMax = 64 * 1024;

export class Rpc {
  private readonly parts: ApiParts;
  private readonly metrics: Pick<Metrics, "bugs" | "apiAnswers">;
  private readonly rareLog: RareLog;
  private readonly methods = new Map<string, UnaryMethod | StreamMethod>();
  private readonly streams = new Map<string, StreamHandler>();
  private readonly rates: KeyRates;
  private readonly held: HeldBodies;
  private readonly open = new OpenStreams();
  private readonly ids: RequestIds;
  private readonly requests: OpenRequests;

  constructor(
    parts: ApiParts,
    methods: readonly Method[],
    metrics: Pick<Metrics, "bugs" | "apiAnswers">,
    requests: OpenRequests,
  ) {
    this.parts = parts;
    this.metrics = metrics;
    this.requests = requests;
    this.rareLog = new RareLog(parts.log, parts.clock);
    this.rates = new KeyRates(parts.limits, parts.clock);
    this.held = new HeldBodies(parts.limits);
    this.ids = new RequestIds(parts.random);
    for (const method of methods) {
      const path = `/${method.desc.parent.typeName}/${method.desc.name}`;
      this.methods.set(path, method);
      if (method.kind === "stream") this.streams.set(path, this.handlerOf(method));
    }
  }

  /** Answers a request; undefined if the path is no method's. Never rejects. Calls `admitted` if its key is valid. */
  answer(request: Request, path: string, admitted: () => void): Promise<Response> | undefined {
    const method = this.methods.get(path);
    return method && this.requests.counted(this.decided(request, path, method, admitted));
  }

  /** The answer to a request for what is not served. */
  unknown(request: Request, path: string): Response {
    const sentence = `there is no method ${JSON.stringify(path.slice(0, 128))}; see GET /docs`;
    return errorResponse(new ConnectError(sentence, Code.Unimplemented), this.ids.of(request), 404);
  }

  /** The answer to a request whose Host is none. */
  badHost(request: Request): Response {
    const error = new ConnectError("Host must be a name or an address, with or without a port", Code.InvalidArgument);
    const response = errorResponse(error, this.ids.of(request));
    response.headers.set("connection", "close");
    return response;
  }

  /** Counts an answer; returns it. */
  private counted(response: Response, code: string): Response {
    this.metrics.apiAnswers.add(code);
    return response;
  }

  private async decided(request: Request, path: string, method: Method, admitted: () => void): Promise<Response> {
    const requestId = this.ids.of(request);
    try {
      if (request.method !== "POST") return this.counted(notAllowed(requestId), "unimplemented");
      const type = contentTypeOf(request.headers.get("content-type"), method);
      if (type === undefined) return this.counted(notSupported(method, requestId), "unimplemented");
      const receivedMs = this.parts.clock.monotonicMs();
      const announced = announcedBytes(request);
      const keyText = keyTextOf(request);
      const found = this.parts.keys.find(keyText);
      const key = found instanceof Promise ? await found : found;
      if (key === undefined) throw noSuchKey();
      admitted();
      this.rates.take(key);
      const timeout = parseTimeout(request.headers.get(timeoutHeader), Number.MAX_SAFE_INTEGER);
      if (timeout.error !== undefined) throw timeout.error;
      const { timeoutMs } = timeout;
      const endMs = timeoutMs === undefined ? Infinity : receivedMs + timeoutMs;
      const { clock, keys } = this.parts;
      const keyAgain = (): ReturnType<KeyRing["find"]> => keys.find(keyText);
      const call = new ApiCall({ key, keyAgain, requestId, request, clock, receivedMs, endMs });
      if (method.kind === "stream")
        return this.counted(await this.streamed(request, path, announced, type === "json", call), ok);
      const answering = this.unary(request, announced, method, type, call);
      return this.counted(await (timeoutMs === undefined ? answering : this.within(timeoutMs, answering)), ok);
    } catch (error) {
      return this.failed(error, request, path, requestId);
    }
  }

  private unary(
    request: Request,
    announced: number | undefined,
    { run }: UnaryMethod,
    encoding: Encoding,
    call: ApiCall,
  ): Promise<Response> {
    return this.withBody(request, announced, call.key, async (asked) => {
      const body = await run(asked, encoding, call);
      const headers: Record<string, string> = {
        "content-type": `application/${encoding}`,
        [requestIdHeader]: call.requestId,
      };
      if (body.length >= compressedFrom && request.headers.get("accept-encoding")?.includes("gzip") === true) {
        headers["content-encoding"] = "gzip";
        return new Response(Bun.gzipSync(body), { headers });
      }
      return new Response(body, { headers });
    });
  }

  /** Reads the body of a request, and has room for it until it is answered. */
  private async withBody(
    request: Request,
    announced: number | undefined,
    key: ApiKey,
    answer: (body: Uint8Array) => Promise<Response>,
  ): Promise<Response> {
    let held = announced ?? apiBodyBytesMax;
    this.held.reserve(key, held);
    try {
      const body = await readBody(request, announced, this.parts.timers);
      // It was compressed. Until here the process held one such body beyond its bound.
      if (body.length > held) {
        this.held.reserve(key, body.length - held);
        held = body.length;
      }
      return await answer(body);
    } finally {
      this.held.release(key, held);
    }
  }

  /** The answer, or DeadlineExceeded if that is sooner; the work notices by the call. */
  private async within(timeoutMs: number, answering: Promise<Response>): Promise<Response> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = this.parts.timers.after(Math.min(timeoutMs, timerMsMax), () => reject(tooLate()));
    try {
      return await Promise.race([answering, late]);
    } finally {
      cancel();
      // Its failure after the deadline concerns nobody.
      answering.catch(() => undefined);
    }
  }

  private async streamed(
    request: Request,
    path: string,
    announced: number | undefined,
    isJson: boolean,
    call: ApiCall,
  ): Promise<Response> {
    const handler = this.streams.get(path);
    if (handler === undefined) throw new Error(`the stream ${path} has a handler`);
    const ended = this.open.open(call.key, request.signal);
    try {
      return await this.withBody(request, announced, call.key, async (asked) => {
        const contextValues = createContextValues().set(callOfStream, call);
        if (isJson) guardEnveloped(asked);
        // Not by the package's function, which reads the body, too.
        const { url, method, headers: header, signal } = request;
        const body = piecesOf(asked);
        const answer = await handler({ httpVersion: "1.1", url, method, header, signal, body, contextValues });
        const response = universalServerResponseToFetch({ ...answer, body: untilEnded(answer.body ?? [], ended) });
        response.headers.set(requestIdHeader, call.requestId);
        return response;
      });
    } catch (error) {
      ended();
      throw error;
    }
  }

  private handlerOf({ desc, run }: StreamMethod): StreamHandler {
    const options = { grpc: false, grpcWeb: false, readMaxBytes: apiBodyBytesMax };
    const fail = (error: unknown, call: ApiCall): ConnectError => this.errorFor(error, desc.name, call.requestId);
    const router = createConnectRouter(options).rpc(desc, async function* (request, { values }) {
      const call = values.get(callOfStream);
      if (call === undefined) throw new Error("the call of a stream is passed to it");
      try {
        yield* run(request, call);
      } catch (error) {
        throw fail(error, call);
      }
    });
    const [handler] = router.handlers;
    if (handler === undefined) throw new Error("a router has the handlers that it is given");
    return handler;
  }

  private failed(error: unknown, request: Request, path: string, requestId: string): Response {
    const known = this.errorFor(error, path, requestId);
    const response = this.counted(errorResponse(known, requestId), codeToString(known.code));
    const length = Number(request.headers.get("content-length") ?? unreadBytesMax + 1);
    if (length > unreadBytesMax && !request.bodyUsed && request.body !== null)
      response.headers.set("connection", "close");
    return response;
  }

  /** What a back end is told; logs what is not its fault. */
  private errorFor(error: unknown, method: string, requestId: string): ConnectError {
    const known = knownError(error);
    if (known === undefined) {
      this.metrics.bugs.met("http", error, { method, request: requestId });
      return new ConnectError(`the server failed; its log names the request ${requestId}`, Code.Internal);
    }
    const fields = { method, request: requestId, code: codeToString(known.code), reason: known.rawMessage };
    if (known.code === Code.Unavailable) this.rareLog.warn("a request of the API could not be served", fields);
    else this.parts.log.debug("a request of the API was refused", fields);
    return known;
  }
}

/** Returns the text of a request's key. Throws Unauthenticated without one. */
function keyTextOf(request: Request): string {
  const [, text] = bearer.exec(request.headers.get("authorization") ?? "") ?? [];
  if (text === undefined) throw new ConnectError("a key is needed: Authorization: Bearer rk_…", Code.Unauthenticated);
  return text;
}

/** Before a message of a stream: flags, and its length in four bytes. */
const envelopeBytes = 5;

/** Refuses in the one message of a request what the package would pass over; what is no message is left to it. */
function guardEnveloped(body: Uint8Array): void {
  if (body.length <= envelopeBytes) return;
  const bytes = new DataView(body.buffer, body.byteOffset).getUint32(1);
  if (body[0] === 0 && envelopeBytes + bytes === body.length) parseJson(body.subarray(envelopeBytes));
}

async function* piecesOf(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

/** Returns the encoding of a request; undefined if the method does not take such a body. */
function contentTypeOf(header: string | null, { kind }: Method): Encoding | undefined {
  const [type = ""] = (header ?? "").split(";", 1);
  switch (type.trim().toLowerCase()) {
    case "application/json":
      return kind === "unary" ? "json" : undefined;
    case "application/proto":
      return kind === "unary" ? "proto" : undefined;
    case "application/connect+json":
      return kind === "stream" ? "json" : undefined;
    case "application/connect+proto":
      return kind === "stream" ? "proto" : undefined;
    default:
      return undefined;
  }
}

function notAllowed(requestId: string): Response {
  return new Response(null, { status: 405, headers: { allow: "POST", [requestIdHeader]: requestId } });
}

function notSupported({ kind }: Method, requestId: string): Response {
  const types =
    kind === "unary" ? "application/json, application/proto" : "application/connect+json, application/connect+proto";
  return new Response(null, { status: 415, headers: { "accept-post": types, [requestIdHeader]: requestId } });
}

/** An error as the protocol has it. */
function errorResponse(error: ConnectError, requestId: string, status = codeToHttpStatus(error.code)): Response {
  const body = JSON.stringify({ code: codeToString(error.code), message: error.rawMessage });
  const headers = new Headers(error.metadata);
  headers.set("content-type", "application/json");
  headers.set(requestIdHeader, requestId);
  return new Response(body, { status, headers });
}
