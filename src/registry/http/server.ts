// The registry's HTTP API (bilibili/discovery v1.2.1, and what ours adds): from a request to the function that answers it.
// What a client gets wrong is told with HTTP status 200 and a code: any other status is for it a broken node.

import http from "node:http";
import { isIP } from "node:net";
import { showsToken } from "../../auth/registry-token.ts";
import { registryBodyBytesMax, registryHeadBytesMax, registryPeerBodyBytesMax } from "../../base/limits/fixed.ts";
import type { ControlCommands } from "../../observe/control-commands.ts";
import type { ContainedBugs } from "../../observe/contained-bugs.ts";
import { type Health, healthResponse, metricsAnswer } from "../../observe/operator-answers.ts";
import type { RegistryMetrics } from "../../observe/registry-metrics.ts";
import { formatAddress, peerAddress, type SocketAddress } from "../../transport/address.ts";
import { boundedText, TooLong } from "../bounded-text.ts";
import type { Directory } from "../directory.ts";
import { callerAddress, lookupGateways } from "../lookup.ts";
import { MalformedJson } from "../json-fields.ts";
import type { LookupRules } from "../lookup-file.ts";
import type { Compared, Replicated } from "../peer-messages.ts";
import { Code } from "../registrar.ts";
import type { RegistryNode } from "../registry-node.ts";
import { envelope, plain } from "./answers.ts";
import { controlAnswer } from "./control.ts";
import { BadParameter, Parameters } from "./parameters.ts";
import { comparePath, parseCompare, messageText, parseReplicate, replicatePath } from "./peer-codec.ts";
import { type PollRequest, Polls } from "./polls.ts";
import { fetchAll, fetchOne, fetchSeveral, nodes } from "./reads.ts";
import { cancel, register, renew, set } from "./writes.ts";

/** Connections that are silent for this long are closed, in seconds: longer than any long poll. */
const idleSeconds = 120;
/** The longest that a request may take; what a client asks for by its header is cut by this, and by a margin. */
const deadlineMsMax = 40_000;
const deadlineMarginMs = 20;
/** What is being answered when the server stops has this long to end. */
const closingMs = 200;
const prefix = "/discovery/";
const lookupPrefix = "/api/lookup/";
/** Stands for the address where the route does not need it. */
const unasked = "unasked";
/** A token in a lookup's path. */
const lookupTokenCharactersMax = 8 * 1024;

export interface RegistryHttpOptions {
  readonly node: RegistryNode;
  /** Writers and other nodes have to show one of these; none: nothing. */
  readonly tokens: readonly string[];
  readonly lookup: LookupRules | undefined;
  /** Where lookup finds gateways. */
  readonly gateways: Pick<Directory, "instances">;
  readonly metrics: RegistryMetrics;
  /** For `GET /health`. */
  readonly health: () => Health;
  /** What operators may ask. */
  readonly control: ControlCommands;
}

/** The API on its port. Until it is opened it answers as a node that is starting does: a node has to know its port first. */
export interface RegistryHttp {
  /** `host:port` as bound. */
  readonly address: string;
  /** Answers from now on. */
  open(options: RegistryHttpOptions): void;
  /** Long polls that wait. */
  readonly pollsWaiting: number;
  /** Sends those who wait to another node, and closes. */
  stop(): Promise<void>;
}

/** A request on its way to a function. */
interface Call {
  readonly request: Request;
  readonly query: string;
  /** The caller's plain IP address, as it was when the request came; `unasked` for a route that does not ask for it. */
  readonly remote: string;
  /** It showed the key. */
  readonly isTrusted: boolean;
}

type Answer = Response | Promise<Response>;
interface Route {
  readonly method: "GET" | "POST";
  /** Whether the caller's address is needed; reading it costs a system call. */
  readonly asksAddress: boolean;
  readonly answer: (call: Call) => Answer;
}

/** Listens. A bug costs its request a status of 500. Throws when the address cannot be bound. */
export function bindRegistryHttp(address: SocketAddress, bugs: ContainedBugs): RegistryHttp {
  let api: Api | undefined;
  // A long poll names its services in its head; the platform's bound is 16 KiB.
  Reflect.set(http, "maxHeaderSize", registryHeadBytesMax);
  const bugMet = (bug: unknown): void => bugs.met("http", bug);
  const server = Bun.serve({
    hostname: address.host,
    port: address.port,
    // Else an error's answer shows our source, and the port may be shared with a second process.
    development: false,
    reusePort: false,
    idleTimeout: idleSeconds,
    maxRequestBodySize: registryPeerBodyBytesMax,
    error(error) {
      bugMet(error);
      return new Response(null, { status: 500 });
    },
    fetch(request, self): Answer {
      if (api === undefined) return envelope(Code.ServerError, undefined);
      return api.respond(request, () => peerAddress(self.requestIP(request)?.address));
    },
  });
  return {
    address: formatAddress(address.host, server.port ?? address.port),
    open(options) {
      api = new Api(options, bugMet);
    },
    get pollsWaiting() {
      return api?.pollsWaiting ?? 0;
    },
    async stop() {
      api?.stop();
      // Connections that are merely kept open would be waited for, for ever.
      await Promise.race([server.stop(), Bun.sleep(closingMs)]);
      await server.stop(true);
    },
  };
}

class Api {
  private readonly options: RegistryHttpOptions;
  private readonly polls: Polls;
  private readonly routes: ReadonlyMap<string, Route>;
  private readonly metricsResponse: () => Promise<Response>;

  constructor(options: RegistryHttpOptions, bugMet: (error: unknown) => void) {
    const { node, metrics, control } = options;
    this.options = options;
    this.metricsResponse = metricsAnswer(async () => {
      const { registryExpositionOf } = await import("../../observe/registry-exposition.ts");
      return registryExpositionOf(metrics);
    });
    this.polls = new Polls(node);
    this.routes = new Map<string, Route>([
      [
        "register",
        {
          ...this.write((parameters, { remote, isTrusted }) =>
            register(node, parameters, { address: quotaAddress(remote), isTrusted }),
          ),
          asksAddress: true,
        },
      ],
      ["renew", this.write((parameters) => renew(node, parameters))],
      ["cancel", this.write((parameters) => cancel(node, parameters))],
      ["set", this.write((parameters) => set(node, parameters))],
      ["fetch", this.read((parameters) => fetchOne(node, parameters))],
      ["fetchs", this.read((parameters) => fetchSeveral(node, parameters))],
      ["fetch/all", this.read(() => fetchAll(node, bugMet))],
      ["nodes", this.read(() => nodes(node))],
      [
        "control",
        {
          ...this.write((parameters, { remote, isTrusted }) =>
            controlAnswer(control, parameters, isTrusted || quotaAddress(remote) === ""),
          ),
          asksAddress: true,
        },
      ],
      ["poll", this.poll((request) => this.polls.poll(request))],
      ["polls", this.poll((request) => this.polls.polls(request))],
      [replicatePath, this.peer((text) => node.onReplicate(parseReplicate(text)))],
      [comparePath, this.peer((text) => node.onCompare(parseCompare(text)))],
    ]);
  }

  get pollsWaiting(): number {
    return this.polls.size;
  }

  /** Lets all long polls go. */
  stop(): void {
    this.polls.close();
  }

  /** `address` is undefined when the peer is gone. */
  respond(request: Request, address: () => string | undefined): Answer {
    const { url } = request;
    // Of a request that names no host the URL is a path alone.
    const pathAt = url.startsWith("/") ? 0 : url.indexOf("/", "https://".length);
    const queryAt = url.indexOf("?", pathAt);
    const path = url.slice(pathAt, queryAt === -1 ? undefined : queryAt);
    const query = queryAt === -1 ? "" : url.slice(queryAt + 1);
    if (!path.startsWith(prefix)) return this.elsewhere(request, path, address);
    const name = path.slice(prefix.length);
    const route = this.routes.get(name);
    if (route === undefined) return plain(404, "404 page not found");
    if (route.method !== request.method) return plain(405, "Method Not Allowed", { allow: route.method });
    const { tokens, metrics } = this.options;
    const needsToken = tokens.length > 0;
    const isTrusted = needsToken && showsToken(request.headers.get("authorization"), tokens);
    const remote = route.asksAddress ? address() : unasked;
    if (remote === undefined) return this.peerGone();
    const call: Call = { request, query, remote, isTrusted };
    const answer = route.method === "POST" && needsToken && !isTrusted ? unauthorized() : route.answer(call);
    metrics.requested(name);
    return answer;
  }

  /** What is not the registry's own API. */
  private elsewhere(request: Request, path: string, address: () => string | undefined): Answer {
    const { health } = this.options;
    const isLookup = path.startsWith(lookupPrefix);
    if (path !== "/health" && path !== "/metrics" && !isLookup) return plain(404, "404 page not found");
    if (request.method !== "GET") return plain(405, "Method Not Allowed", { allow: "GET" });
    if (isLookup) {
      const remote = address();
      return remote === undefined ? this.peerGone() : this.lookup(request, path.slice(lookupPrefix.length), remote);
    }
    return path === "/metrics" ? this.metricsResponse() : healthResponse(health());
  }

  /** Where a client finds a gateway. `path` holds its token, percent-encoded. */
  private lookup(request: Request, path: string, remote: string): Response {
    const { node, lookup: rules, metrics } = this.options;
    metrics.requested("lookup");
    const token = decodedToken(path);
    if (token === undefined) return plain(404, "404 page not found");
    if (!node.isReadable) return Response.json({ reason: "this registry node is starting" }, { status: 503 });
    const address = callerAddress(remote, request.headers.get("x-forwarded-for"), rules);
    const found = lookupGateways(token, address, rules, this.options.gateways, node.settings.env);
    return Response.json(found, { status: "reason" in found ? 503 : 200 });
  }

  /** Drops a request of a caller that has gone: it has no address, and must not pass for one on this machine. */
  private peerGone(): Response {
    this.options.metrics.peersGone++;
    return plain(400, "Bad Request", { connection: "close" });
  }

  private read(answer: (parameters: Parameters, call: Call) => Answer): Route {
    return {
      method: "GET",
      asksAddress: false,
      answer: (call) => {
        if (!this.options.node.isReadable) return envelope(Code.ServerError, undefined);
        return orBadRequest(() => answer(new Parameters(call.query, ""), call));
      },
    };
  }

  private poll(answer: (request: PollRequest) => Answer): Route {
    return { ...this.read((parameters, call) => answer(this.pollOf(parameters, call))), asksAddress: true };
  }

  private write(answer: (parameters: Parameters, call: Call) => Answer): Route {
    return {
      method: "POST",
      asksAddress: false,
      answer: (call) =>
        withBody(call.request, registryBodyBytesMax, (form) =>
          orBadRequest(() => answer(new Parameters(call.query, form), call)),
        ),
    };
  }

  private peer(answer: (text: string) => Replicated | Compared): Route {
    return {
      method: "POST",
      asksAddress: false,
      answer: ({ request }) =>
        withBody(request, registryPeerBodyBytesMax, (text) =>
          orBadRequest(() => envelope(Code.Ok, undefined, messageText(answer(text)))),
        ),
    };
  }

  private pollOf(parameters: Parameters, { request, remote }: Call): PollRequest {
    const asked = request.headers.get("x1-bmspy-timeout");
    // As in the original, 0 asks for nothing.
    const isAsked = asked !== null && /^0*[1-9]\d{0,8}$/.test(asked);
    const askedMs = isAsked ? Number(asked) - deadlineMarginMs : deadlineMsMax;
    return {
      parameters,
      caller: quotaAddress(remote),
      signal: request.signal,
      deadlineMs: Math.min(askedMs, deadlineMsMax),
    };
  }
}

/** An address as quotas know it: whoever is on this machine has none. */
function quotaAddress(address: string): string {
  const isLoopback = address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
  return isLoopback ? "" : address;
}

/** The token that a path names; undefined when it names none. */
function decodedToken(path: string): string | undefined {
  if (path === "" || path.length > lookupTokenCharactersMax || path.includes("/")) return undefined;
  try {
    return decodeURIComponent(path);
  } catch {
    // Percent signs that encode nothing: no such page.
    return undefined;
  }
}

function unauthorized(): Response {
  return envelope(Code.Unauthorized, "this registry takes writes only with its key: authorization: Bearer …");
}

/** Turns what is wrong with a request into the code -400 and a sentence. */
function orBadRequest<Result extends Answer>(answer: () => Result): Result | Response {
  try {
    return answer();
  } catch (error) {
    if (error instanceof BadParameter || error instanceof MalformedJson)
      return envelope(Code.BadRequest, error.message);
    throw error;
  }
}

/** Reads a body that is not too long, and is UTF-8. */
async function withBody(request: Request, bytesMax: number, answer: (text: string) => Answer): Promise<Response> {
  let text: string;
  try {
    text = await boundedText(request, bytesMax);
  } catch (error) {
    const sentence = error instanceof TooLong ? `the body is ${error.message}` : "the body is cut short, or not UTF-8";
    return envelope(Code.BadRequest, sentence);
  }
  return answer(text);
}
