// The long polls: poll for one service, polls for several. Each request has a waiter until it is answered, times out,
// or its socket closes. No answer may make a client return at once for nothing: original clients ignore a service
// without UP instances, and would poll again with the same version.
//
// Memory: a waiting poll keeps what its answer needs, and nothing of its request; its services are those of the
// watchers. The number of services in all polls is bounded.

import { pollMs } from "../../base/limits/fixed.ts";
import type { LimitName } from "../../base/limits/table.ts";
import type { BodyParts, HttpAnswer } from "../../transport/http/http-answer.ts";
import { appKey, Status } from "../instance.ts";
import { Code } from "../codes.ts";
import type { App } from "../table/apps.ts";
import { codeAnswer, emptyView, envelope, sharedAnswer, sharedEnvelope } from "./answers.ts";
import { BadParameter, type Parameters } from "./parameters.ts";
import {
  joined,
  type Reading,
  renderAll,
  type RenderedServices,
  requiredAppids,
  unlessTooMuch,
  visibleApp,
} from "./reads.ts";
import type { Rendered } from "./renderings.ts";

/** Changes that a client may ignore are held this long for others. */
const holdMs = 10_000;
/** The shortest deadline; lower ones are raised. */
const deadlineMsMin = 50;
/** A name counts as one more service per this many characters. */
const nameCharacters = 128;

/** A request as the polls use it. */
export interface PollRequest {
  readonly parameters: Parameters;
  /** Its address, for quotas; '' if it has none. */
  readonly caller: string;
  /** Calls back when the socket closes. */
  readonly onGone: (gone: () => void) => void;
  /** How long the client waits, in milliseconds; undefined if unlimited. */
  readonly deadlineMs: number | undefined;
}

interface Wanted {
  readonly appid: string;
  /** The client's version. */
  readonly version: bigint;
}

/** Renders the answer of a kind of poll. */
type Render = (news: ReadonlyMap<string, Rendered>, unknown: readonly string[]) => HttpAnswer;

/** The waiting polls of one address. */
interface Caller {
  polls: number;
  watches: number;
}

/** A waiting poll. */
interface Waiter {
  readonly caller: string;
  readonly env: string;
  readonly zone: string;
  /** Changed services that a client may ignore. */
  readonly idle: readonly string[];
  /** Services that were unknown when it arrived. */
  readonly unknown: readonly string[];
  /** The number of its services; long names count more. */
  readonly cost: number;
  readonly render: Render;
}

export class Polls {
  private readonly reading: Reading;
  private readonly pollsMax: number;
  private readonly callers = new Map<string, Caller>();
  /** Ends each waiting poll. */
  private readonly waiting = new Set<() => void>();
  private watches = 0;

  /** `connectionsMax` is this node's; a part of them is reserved for registrations and renewals. */
  constructor(reading: Reading, connectionsMax = Infinity) {
    this.reading = reading;
    const { limits } = reading;
    this.pollsMax = Math.min(limits.values.polls, Math.floor(connectionsMax * 0.75));
    limits.measure("polls", () => this.waiting.size);
    limits.measure("watches", () => this.watches);
    limits.measure("pollsPerAddress", () => this.largest(({ polls }) => polls));
    limits.measure("watchesPerAddress", () => this.largest(({ watches }) => watches));
  }

  get size(): number {
    return this.waiting.size;
  }

  /** Sends all waiting clients to another node, because this one stops. */
  close(): void {
    for (const send of this.waiting) send();
  }

  /** Answers a poll for one service. */
  poll(request: PollRequest): HttpAnswer | Promise<HttpAnswer> {
    const { parameters } = request;
    const { node, limits } = this.reading;
    const env = parameters.required("env");
    parameters.required("hostname");
    const [appid = ""] = requiredAppids(parameters, limits);
    const zone = parameters.text("zone");
    const versions = parameters.int64List("latest_timestamp");
    if (visibleApp(node, env, appid, zone) === undefined)
      return codeAnswer(`{"code":-404,"message":${JSON.stringify(`${appid} not found`)}}`, Code.NotFound);
    const [version = 0n] = versions.length > 1 ? [0n] : versions;
    return this.wait(request, env, zone, [{ appid, version }], (news) => {
      const [info] = news.values();
      return sharedEnvelope(info?.parts ?? [Buffer.from("null")], node.isServingStale);
    });
  }

  /** Answers a poll for several services with those that have changed. */
  polls(request: PollRequest): HttpAnswer | Promise<HttpAnswer> {
    const { parameters } = request;
    const env = parameters.required("env");
    parameters.required("hostname");
    const appids = requiredAppids(parameters, this.reading.limits);
    const zone = parameters.text("zone");
    const versions = parameters.int64List("latest_timestamp");
    if (versions.length !== appids.length)
      throw new BadParameter(`there are ${appids.length} values of appid, and ${versions.length} of latest_timestamp`);
    const wanted = new Map<string, Wanted>();
    for (const [index, appid] of appids.entries()) {
      const version = versions[index] ?? 0n;
      // A service that is named twice counts with version 0.
      wanted.set(appid, { appid, version: wanted.has(appid) ? 0n : version });
    }
    return this.wait(request, env, zone, [...wanted.values()], (news, unknown) => {
      const missing = unknown.length === 0 ? "null" : JSON.stringify(unknown);
      const stale = this.reading.node.isServingStale ? ',"stale":true' : "";
      const parts: BodyParts = [
        Buffer.from('{"code":0,"message":"0","data":'),
        ...joined(news),
        Buffer.from(`,"error":{"-404":${missing}}${stale}}`),
      ];
      return sharedAnswer(parts, Code.Ok);
    });
  }

  private wait(
    request: PollRequest,
    env: string,
    zone: string,
    wanted: readonly Wanted[],
    render: Render,
  ): HttpAnswer | Promise<HttpAnswer> {
    const { node } = this.reading;
    const understandsEmpty = request.parameters.flag("accept_empty");
    let isUrgent = false;
    const news: string[] = [];
    const unknown: string[] = [];
    for (const { appid, version } of wanted) {
      const app = visibleApp(node, env, appid, zone);
      if (app === undefined) {
        unknown.push(appid);
        const latest = node.table.app(env, appid)?.latest ?? node.versionOfNothing;
        if (understandsEmpty && node.knowsAbsence && version < latest) news.push(appid);
      } else if (version < app.latest) {
        // If it were answered at once, it would return at once, like all others: no request would be served in between.
        if (version > 0n && node.watchers.isGathering(appKey(env, appid))) continue;
        isUrgent ||= isServing(app, zone);
        news.push(appid);
      }
    }
    const appids = wanted.map(({ appid }) => appid);
    const waiter: Waiter = { caller: request.caller, env, zone, idle: news, unknown, cost: costOf(appids), render };
    if (isUrgent || (understandsEmpty && news.length > 0)) return this.tell(waiter, news);
    const reached = this.boundReached(waiter);
    if (reached === undefined) return this.later(waiter, appids, request);
    this.reading.limits.met(reached, { address: request.caller });
    return envelope(Code.LimitExceeded, "too many long polls wait here; use another node");
  }

  private later(
    waiter: Waiter,
    appids: readonly string[],
    { onGone, deadlineMs = pollMs }: PollRequest,
  ): Promise<HttpAnswer> {
    const { env, idle } = waiter;
    return new Promise((resolve, reject) => {
      const end = (answerOf: () => HttpAnswer | Promise<HttpAnswer>): void => {
        if (!this.waiting.delete(sendAway)) return;
        unwatch();
        clearTimeout(deadline);
        clearTimeout(hold);
        this.count(waiter, -1);
        try {
          resolve(answerOf());
        } catch (bug) {
          // A bug fails this poll only: one turn answers all polls that wait for the same change.
          reject(bug);
        }
      };
      const leave = (): void => end(() => envelope(Code.NotModified, undefined));
      // Neither a change nor a time-out: the client asks another node.
      const sendAway = (): void => end(() => envelope(Code.ServerError, undefined));
      const keys = appids.map((appid) => appKey(env, appid));
      const unwatch = this.reading.node.watchers.watch(keys, (key) => {
        let bytes = 0;
        end(() => {
          const answer = this.tell(waiter, [...idle, appidOf(key)]);
          bytes = answer instanceof Promise ? 0 : lengthOf(answer);
          return answer;
        });
        return bytes;
      });
      const waitMs = Math.min(Math.max(deadlineMs, deadlineMsMin), pollMs);
      const deadline = setTimeout(leave, waitMs);
      const hold =
        idle.length > 0 && holdMs < waitMs ? setTimeout(() => end(() => this.tell(waiter, idle)), holdMs) : undefined;
      this.waiting.add(sendAway);
      this.count(waiter, 1);
      onGone(leave);
    });
  }

  /** Returns the answer with these services. */
  private tell({ env, zone, unknown, render }: Waiter, appids: readonly string[]): HttpAnswer | Promise<HttpAnswer> {
    const { reading } = this;
    const { node } = reading;
    const services = new Map<string, App | Rendered>();
    for (const appid of appids) {
      // It may just have lost its last instance.
      const app = visibleApp(node, env, appid, zone);
      services.set(appid, app ?? emptyService(node.table.app(env, appid)?.latest ?? node.versionOfNothing));
    }
    return unlessTooMuch(
      reading.limits,
      () => renderAll(reading, services, env, zone, Status.Up),
      // The rest comes with the next poll.
      ({ found }: RenderedServices) => render(found, unknown),
    );
  }

  private boundReached(waiter: Waiter): LimitName | undefined {
    const { values } = this.reading.limits;
    const { caller, cost } = waiter;
    const { polls, watches } = this.callers.get(caller) ?? { polls: 0, watches: 0 };
    if (this.waiting.size >= this.pollsMax) return "polls";
    if (polls >= values.pollsPerAddress) return "pollsPerAddress";
    if (this.watches + cost > values.watches) return "watches";
    return caller !== "" && watches + cost > values.watchesPerAddress ? "watchesPerAddress" : undefined;
  }

  private count({ caller, cost }: Waiter, by: 1 | -1): void {
    this.watches += cost * by;
    if (caller === "") return;
    const counts = this.callers.getOrInsertComputed(caller, () => ({ polls: 0, watches: 0 }));
    counts.polls += by;
    counts.watches += cost * by;
    if (counts.polls === 0) this.callers.delete(caller);
  }

  private largest(of: (caller: Caller) => number): number {
    let largest = 0;
    for (const caller of this.callers.values()) largest = Math.max(largest, of(caller));
    return largest;
  }
}

function costOf(appids: readonly string[]): number {
  let cost = 0;
  for (const appid of appids) cost += 1 + Math.floor(appid.length / nameCharacters);
  return cost;
}

/** Reports whether a service has an UP instance. */
function isServing(app: App, zone: string): boolean {
  for (const [name, instances] of app.zones) {
    if (zone !== "" && name !== zone) continue;
    for (const { instance } of instances.values()) if (instance?.status === Status.Up) return true;
  }
  return false;
}

function emptyService(latest: bigint): Rendered {
  const text = Buffer.from(emptyView(latest));
  return { parts: [text], bytes: text.length };
}

function appidOf(key: string): string {
  return key.slice(key.indexOf("\n") + 1);
}

function lengthOf({ body }: HttpAnswer): number {
  if (!Array.isArray(body)) return 0;
  let bytes = 0;
  for (const part of body) bytes += part.length;
  return bytes;
}
