// The routes of the registry's HTTP API (bilibili/discovery v1.2.1, and our additions): from a request to the function
// that answers it. A client's mistake is answered with HTTP status 200 and a code: clients take any other status for a
// broken node.

import { showsToken } from "../../auth/registry-token.ts";
import { MalformedJson } from "../../base/json-fields.ts";
import { registryPeerBodyBytesMax } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { ControlCommands } from "../../observe/control-commands.ts";
import { type Health, healthAnswer, healthPaths, liveAnswer, metricsAnswer } from "../../observe/operator-answers.ts";
import type { RegistryMetrics } from "../../observe/registry-metrics.ts";
import { isLoopbackAddress } from "../../transport/address-ranges.ts";
import type { BrowserGuard } from "../../transport/http/browser-guard.ts";
import type { Origins } from "../../transport/origins.ts";
import { type HttpAnswer, textAnswer } from "../../transport/http/http-answer.ts";
import type { HttpRequest, WantsBody } from "../../transport/http/http-handler.ts";
import { Code } from "../codes.ts";
import type { LookupRules } from "../lookup/lookup-file.ts";
import type { Compared, Replicated } from "../replication/peer-messages.ts";
import type { PublicGateways } from "../lookup/public-gateways.ts";
import type { RegistryNode } from "../node/registry-node.ts";
import { envelope } from "./answers.ts";
import { controlAnswer } from "./control.ts";
import { KnownPeers } from "./known-peers.ts";
import { Listings } from "./listings.ts";
import { isLongQuery, LongRequests } from "./long-requests.ts";
import { lookupAnswer } from "./lookup-answer.ts";
import { allows, type Method, notAllowed } from "./methods.ts";
import { BadParameter, Parameters } from "./parameters.ts";
import {
  comparePath,
  messageText,
  parseCompare,
  parseReplicate,
  replicatePath,
  unknownNodeField,
} from "./peer-codec.ts";
import { type PollRequest, Polls } from "./polls.ts";
import { fetchAll, fetchOne, fetchSeveral, nodes, type Reading } from "./reads.ts";
import { Renderings } from "./renderings.ts";
import { cancel, register, renew, set } from "./writes.ts";

/** The longest time of a request. A client's header can shorten it; a margin is subtracted. */
const deadlineMsMax = 40_000;
const deadlineMarginMs = 20;
const prefix = "/discovery/";
const lookupPrefix = "/api/lookup/";
const utf8 = new TextDecoder("utf-8", { fatal: true });

export interface RegistryHttpOptions {
  readonly node: RegistryNode;
  /** Writers and other nodes must present one of the current tokens; none if no token is required. */
  readonly tokens: () => readonly string[];
  readonly lookup: LookupRules | undefined;
  /** Web pages that may look gateways up; undefined: all. */
  readonly origins?: Origins | undefined;
  /** The gateways for lookup. */
  readonly gateways: PublicGateways;
  readonly metrics: RegistryMetrics;
  /** For `GET /health`. */
  readonly health: () => Health;
  /** The operators' commands. */
  readonly control: ControlCommands;
}

interface ApiOptions extends RegistryHttpOptions {
  readonly limits: Limits;
  readonly guard: BrowserGuard;
  readonly connectionsMax: number;
  readonly quotaOf: (remoteAddress: string) => string;
  /** The rules whose proxies are trusted about the address of a client that looks up gateways. */
  readonly trustedByFile: LookupRules | undefined;
}

/** A request for a route. */
interface Call {
  readonly request: HttpRequest;
  /** It presented the key. */
  readonly isTrusted: boolean;
}

type Answer = HttpAnswer | Promise<HttpAnswer>;
interface Route {
  readonly method: Method;
  /** Only for other nodes of the registry. */
  readonly isPeers?: boolean;
  readonly answer: (call: Call) => Answer | WantsBody;
}

export class Api {
  private readonly options: ApiOptions;
  private readonly polls: Polls;
  private readonly renderings: Renderings;
  private readonly peers: KnownPeers;
  private readonly longRequests: LongRequests;
  private readonly routes: ReadonlyMap<string, Route>;
  private readonly metricsResponse: () => Promise<HttpAnswer>;

  constructor(options: ApiOptions) {
    const { node, metrics, limits, control } = options;
    this.options = options;
    this.metricsResponse = metricsAnswer(async () => {
      const { registryExpositionOf } = await import("../../observe/exposition.ts");
      return registryExpositionOf(metrics);
    });
    this.renderings = new Renderings({
      bytesMax: limits.values.registryAnswerBytes,
      stamp: () => node.table.version + node.table.renewals,
    });
    this.peers = new KnownPeers(() => node.replication.peers.all().map(({ address }) => address));
    const reading: Reading = { node, limits, renderings: this.renderings };
    const listings = new Listings(limits);
    this.longRequests = new LongRequests(limits);
    this.polls = new Polls(reading, options.connectionsMax);
    this.routes = new Map<string, Route>([
      [
        "register",
        this.write((parameters, { request, isTrusted }) =>
          register(node, parameters, {
            address: options.quotaOf(request.remoteAddress),
            isTrusted,
            isNode: () => this.peers.isNode(request.remoteAddress),
          }),
        ),
      ],
      ["renew", this.write((parameters) => renew(node, parameters))],
      ["cancel", this.write((parameters) => cancel(node, parameters))],
      ["set", this.write((parameters) => set(node, parameters, limits))],
      ["fetch", this.read((parameters) => fetchOne(reading, parameters))],
      ["fetchs", this.read((parameters) => fetchSeveral(reading, parameters))],
      ["fetch/all", this.read((_, call) => this.listing(listings, call))],
      ["nodes", this.read(() => nodes(node))],
      [
        "control",
        this.write((parameters, { request, isTrusted }) =>
          controlAnswer(control, parameters, isTrusted || isOnThisMachine(request)),
        ),
      ],
      ["poll", this.poll((request) => this.polls.poll(request))],
      ["polls", this.poll((request) => this.polls.polls(request))],
      [replicatePath, this.peer((text) => node.replication.onReplicate(parseReplicate(text)))],
      [comparePath, this.peer((text) => node.replication.onCompare(parseCompare(text)))],
    ]);
  }

  get pollsWaiting(): number {
    return this.polls.size;
  }

  /** False while too many long requests wait: no further one is read. */
  get hasRoom(): boolean {
    return this.longRequests.hasRoom;
  }

  /** Ends all long polls. */
  stop(): void {
    this.polls.close();
    this.renderings.close();
  }

  peerGone(): void {
    this.options.metrics.peersGone++;
  }

  respond(request: HttpRequest): Answer | WantsBody {
    const { path } = request;
    const { guard, metrics } = this.options;
    // Browsers may only look up gateways.
    const refusal = path.startsWith(lookupPrefix) ? undefined : guard(request);
    if (refusal !== undefined) return { ...textAnswer(403, refusal), isLast: true };
    if (!path.startsWith(prefix)) return this.elsewhere(request);
    const name = path.slice(prefix.length);
    const route = this.routes.get(name);
    if (route === undefined) return textAnswer(404, "404 page not found");
    if (!allows(route.method, request)) return notAllowed(route.method);
    const tokens = this.options.tokens();
    const isTrusted = tokens.length > 0 && showsToken(request.header("authorization") ?? null, tokens);
    metrics.requested(name);
    if (route.method === "POST" && tokens.length > 0 && !isTrusted) return unauthorized();
    const unfit = route.isPeers === true ? this.unfitPeer(request) : undefined;
    return unfit ?? route.answer({ request, isTrusted });
  }

  /** Refuses a message that cannot come from a known node; returns undefined for others. */
  private unfitPeer(request: HttpRequest): HttpAnswer | undefined {
    const [type = ""] = (request.header("content-type") ?? "").split(";", 1);
    if (type.trim().toLowerCase() !== "application/json")
      return { ...textAnswer(415, "messages of registry nodes are application/json"), isLast: true };
    if (this.options.tokens().length > 0 || this.options.quotaOf(request.remoteAddress) === "") return undefined;
    if (this.peers.isNode(request.remoteAddress)) return undefined;
    // The sender takes this node for an original one, registers itself as those do, and is known from then on.
    return { ...textAnswer(404, "404 page not found", { [unknownNodeField]: "register" }), isLast: true };
  }

  /** Answers paths outside of the registry's API. */
  private elsewhere(request: HttpRequest): Answer {
    const { path } = request;
    const { health } = this.options;
    const isLookup = path.startsWith(lookupPrefix);
    const isKnown = healthPaths.has(path) || path === "/livez" || path === "/metrics" || isLookup;
    if (!isKnown) return textAnswer(404, "404 page not found");
    if (isLookup) return lookupAnswer(request, path.slice(lookupPrefix.length), this.options);
    if (!allows("GET", request)) return notAllowed("GET");
    if (path === "/livez") return liveAnswer;
    return path === "/metrics" ? this.metricsResponse() : healthAnswer(health());
  }

  private listing(listings: Listings, { request: { remoteAddress } }: Call): HttpAnswer {
    const { node, quotaOf } = this.options;
    const caller = quotaOf(remoteAddress);
    // Other nodes of the registry start with a listing. A caller on this machine may be something else.
    const isNode = caller !== "" && this.peers.isNode(remoteAddress);
    if (isNode) return fetchAll(node, () => undefined);
    const listing = listings.begin(caller);
    if (listing === undefined)
      return envelope(Code.LimitExceeded, "too many listings are being read here; try again later");
    const beganMs = performance.now();
    const answer = fetchAll(node, () => listing.end());
    listing.began(performance.now() - beganMs);
    return answer;
  }

  /** `waits`: the answer may take long, and is dropped if its client leaves. */
  private read(answer: (parameters: Parameters, call: Call) => Answer, waits = false): Route {
    return {
      method: "GET",
      answer: (call) => {
        const { query } = call.request;
        const answerNow = (): Answer => {
          if (!this.options.node.isReadable) return envelope(Code.ServerError, undefined);
          return orBadRequest(() => answer(new Parameters(query, ""), call));
        };
        return isLongQuery(query) ? this.answerInTurn(call, answerNow, waits) : answerNow();
      },
    };
  }

  private answerInTurn({ request }: Call, answer: () => Answer, waits: boolean): Answer {
    let isGone = false;
    const { remoteAddress, headBytes } = request;
    const answered = this.longRequests.answered(this.options.quotaOf(remoteAddress), headBytes, () =>
      isGone ? envelope(Code.NotModified, undefined) : answer(),
    );
    if (answered === undefined)
      return envelope(Code.LimitExceeded, "too many requests that name many services wait here; use another node");
    if (waits) request.onGone(() => (isGone = true));
    return answered;
  }

  private poll(answer: (request: PollRequest) => Answer): Route {
    return this.read((parameters, call) => answer(this.pollOf(parameters, call)), true);
  }

  private write(answer: (parameters: Parameters, call: Call) => Answer): Route {
    const bytesMax = this.options.limits.values.registryBodyBytes;
    return {
      method: "POST",
      answer: (call) => this.withBody(bytesMax, (form) => answer(new Parameters(call.request.query, form), call)),
    };
  }

  private peer(answer: (text: string) => Replicated | Compared): Route {
    return {
      method: "POST",
      isPeers: true,
      answer: () =>
        this.withBody(registryPeerBodyBytesMax, (text) => envelope(Code.Ok, undefined, messageText(answer(text)))),
    };
  }

  /** Reads a bounded UTF-8 body. */
  private withBody(bytesMax: number, answer: (text: string) => Answer): WantsBody {
    return {
      bytesMax,
      tooLong: () => {
        this.options.limits.met("registryBodyBytes");
        return envelope(Code.BadRequest, `the body is longer than ${bytesMax} bytes`);
      },
      answer: (body) => {
        let text: string;
        try {
          text = utf8.decode(body);
        } catch {
          return envelope(Code.BadRequest, "the body is not UTF-8");
        }
        return orBadRequest(() => answer(text));
      },
    };
  }

  private pollOf(parameters: Parameters, { request }: Call): PollRequest {
    const asked = request.header("x1-bmspy-timeout");
    // As in the original, 0 means no time-out.
    const isAsked = asked !== undefined && /^0*[1-9]\d{0,8}$/.test(asked);
    const askedMs = isAsked ? Number(asked) - deadlineMarginMs : deadlineMsMax;
    return {
      parameters,
      caller: this.options.quotaOf(request.remoteAddress),
      onGone: (gone) => request.onGone(gone),
      deadlineMs: Math.min(askedMs, deadlineMsMax),
    };
  }
}

/** Reports whether a request comes from this machine and was not forwarded by a proxy. */
function isOnThisMachine(request: HttpRequest): boolean {
  return isLoopbackAddress(request.remoteAddress) && request.header("x-forwarded-for") === undefined;
}

/** Ends the connection: a caller without a key gets one attempt per connection. */
function unauthorized(): HttpAnswer {
  const sentence = "this registry takes writes only with its key: authorization: Bearer …";
  return { ...envelope(Code.Unauthorized, sentence), isLast: true };
}

/** Turns errors of a request into the code -400 and a sentence. */
function orBadRequest<Result extends Answer>(answer: () => Result): Result | HttpAnswer {
  try {
    return answer();
  } catch (error) {
    if (error instanceof BadParameter || error instanceof MalformedJson)
      return envelope(Code.BadRequest, error.message);
    throw error;
  }
}
