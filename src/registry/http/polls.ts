// The long polls: poll for one service, polls for several. One waiter a request: it is gone when it is answered, when its
// time is over, or when its socket closes. A client is never answered so that it comes back at once for nothing: the
// clients of the original ignore a service without UP instances, and would ask again with the same version.

import { pollMs, pollsMax, pollsPerCallerMax } from "../../base/limits/fixed.ts";
import { appKey, Status } from "../instance.ts";
import { Code } from "../registrar.ts";
import type { RegistryNode } from "../registry-node.ts";
import type { App } from "../table.ts";
import { answer, appView, type AppView, emptyView, envelope } from "./answers.ts";
import { BadParameter, type Parameters } from "./parameters.ts";
import { requiredAppids, visibleApp } from "./reads.ts";

/** News that a client may ignore waits this long for other news. */
const holdMs = 10_000;
/** A rendered service is used for this long at most: its renewals go on. */
const renderedMs = 1_000;
/** A client's deadline below this is taken for this. */
const deadlineMsMin = 50;

/** What this file needs of a request. */
export interface PollRequest {
  readonly parameters: Parameters;
  /** Its address, for quotas; '' for one that has none. */
  readonly caller: string;
  /** Aborts when the socket closes. */
  readonly signal: AbortSignal;
  /** How long the client is going to wait, in milliseconds; undefined: as long as it takes. */
  readonly deadlineMs: number | undefined;
}

interface Wanted {
  readonly appid: string;
  /** The version that the client has. */
  readonly version: bigint;
}

/** How a kind of poll puts its answer. */
type Render = (news: ReadonlyMap<string, string>, unknown: readonly string[]) => Response;

export class Polls {
  private readonly node: RegistryNode;
  private readonly callers = new Map<string, number>();
  private readonly rendered = new WeakMap<
    App,
    { view: AppView; env: string; zone: string; latest: bigint; atMs: number }
  >();
  /** What ends each poll that waits. */
  private readonly waiting = new Set<() => void>();

  constructor(node: RegistryNode) {
    this.node = node;
  }

  /** Long polls that wait. */
  get size(): number {
    return this.waiting.size;
  }

  /** Sends all that wait to another node: this one stops. */
  close(): void {
    for (const send of this.waiting) send();
  }

  /** One service. */
  poll(request: PollRequest): Response | Promise<Response> {
    const { parameters } = request;
    const env = parameters.required("env");
    parameters.required("hostname");
    const [appid = ""] = requiredAppids(parameters);
    const zone = parameters.text("zone");
    const versions = parameters.int64List("latest_timestamp");
    if (visibleApp(this.node, env, appid, zone) === undefined)
      return answer(`{"code":-404,"message":${JSON.stringify(`${appid} not found`)}}`, Code.NothingFound);
    const [version = 0n] = versions.length > 1 ? [0n] : versions;
    return this.wait(request, env, zone, [{ appid, version }], (news) => {
      const [info] = news.values();
      return envelope(Code.Ok, undefined, info ?? "null", this.node.isServingStale);
    });
  }

  /** Several services: the answer holds those that have changed. */
  polls(request: PollRequest): Response | Promise<Response> {
    const { parameters } = request;
    const env = parameters.required("env");
    parameters.required("hostname");
    const appids = requiredAppids(parameters);
    const zone = parameters.text("zone");
    const versions = parameters.int64List("latest_timestamp");
    if (versions.length !== appids.length)
      throw new BadParameter(`there are ${appids.length} values of appid, and ${versions.length} of latest_timestamp`);
    const wanted = new Map<string, Wanted>();
    for (const [index, appid] of appids.entries()) {
      const version = versions[index] ?? 0n;
      // A service that is named twice counts with the version 0.
      wanted.set(appid, { appid, version: wanted.has(appid) ? 0n : version });
    }
    return this.wait(request, env, zone, [...wanted.values()], (news, unknown) => {
      const data = [...news].map(([appid, info]) => `${JSON.stringify(appid)}:${info}`).join(",");
      const missing = unknown.length === 0 ? "null" : JSON.stringify(unknown);
      const stale = this.node.isServingStale ? ',"stale":true' : "";
      return answer(`{"code":0,"message":"0","data":{${data}},"error":{"-404":${missing}}${stale}}`, Code.Ok);
    });
  }

  private wait(
    request: PollRequest,
    env: string,
    zone: string,
    wanted: readonly Wanted[],
    render: Render,
  ): Response | Promise<Response> {
    const { node } = this;
    const understandsEmpty = request.parameters.flag("accept_empty");
    const urgent = new Map<string, string>();
    const idle = new Map<string, string>();
    const unknown: string[] = [];
    for (const { appid, version } of wanted) {
      const app = visibleApp(node, env, appid, zone);
      if (app === undefined) {
        unknown.push(appid);
        const latest = node.table.app(env, appid)?.latest ?? node.versionOfNothing;
        if (understandsEmpty && node.knowsAbsence && version < latest) idle.set(appid, emptyView(latest));
      } else if (version < app.latest) {
        // Told at once, it would come back at once, and so all of them: no request would be served in between.
        if (version > 0n && node.watchers.isGathering(appKey(env, appid))) continue;
        const view = this.view(app, env, zone);
        (view.count > 0 ? urgent : idle).set(appid, view.json);
      }
    }
    if (urgent.size > 0 || (understandsEmpty && idle.size > 0)) return render(new Map([...urgent, ...idle]), unknown);
    if (this.waiting.size >= pollsMax || (this.callers.get(request.caller) ?? 0) >= pollsPerCallerMax)
      return envelope(Code.LimitExceeded, "too many long polls wait here; use another node");
    return this.later(request, env, zone, wanted, idle, (news) => render(news, unknown));
  }

  private later(
    { caller, signal, deadlineMs = pollMs }: PollRequest,
    env: string,
    zone: string,
    wanted: readonly Wanted[],
    idle: ReadonlyMap<string, string>,
    render: (news: ReadonlyMap<string, string>) => Response,
  ): Promise<Response> {
    const appids = new Map(wanted.map(({ appid }) => [appKey(env, appid), appid]));
    return new Promise((resolve, reject) => {
      const end = (answerOf: () => Response): void => {
        unwatch();
        clearTimeout(deadline);
        clearTimeout(hold);
        signal.removeEventListener("abort", leave);
        this.waiting.delete(sendAway);
        this.count(caller, -1);
        try {
          resolve(answerOf());
        } catch (bug) {
          // Of this poll alone: it is called for by timers, and in one turn with all who wait for the same news.
          reject(bug);
        }
      };
      const leave = (): void => end(() => envelope(Code.NotModified, undefined));
      // Neither news nor the end of its time: a client asks another node.
      const sendAway = (): void => end(() => envelope(Code.ServerError, undefined));
      const unwatch = this.node.watchers.watch([...appids.keys()], (key) => {
        const appid = appids.get(key) ?? "";
        let length = 0;
        end(() => {
          const info = this.news(env, appid, zone);
          ({ length } = info);
          return render(new Map([...idle, [appid, info]]));
        });
        return length;
      });
      const waitMs = Math.min(Math.max(deadlineMs, deadlineMsMin), pollMs);
      const deadline = setTimeout(leave, waitMs);
      const hold = idle.size > 0 && holdMs < waitMs ? setTimeout(() => end(() => render(idle)), holdMs) : undefined;
      signal.addEventListener("abort", leave);
      this.waiting.add(sendAway);
      this.count(caller, 1);
      if (signal.aborted) leave();
    });
  }

  /** A service after a change: it may just have lost its last instance. */
  private news(env: string, appid: string, zone: string): string {
    const app = visibleApp(this.node, env, appid, zone);
    if (app !== undefined) return this.view(app, env, zone).json;
    return emptyView(this.node.table.app(env, appid)?.latest ?? this.node.versionOfNothing);
  }

  /** A service as JSON; the same text for all who are told of one change. */
  private view(app: App, env: string, zone: string): AppView {
    const known = this.rendered.get(app);
    const nowMs = performance.now();
    if (known?.latest === app.latest && known.env === env && known.zone === zone && nowMs - known.atMs < renderedMs)
      return known.view;
    const view = appView(app, env, zone, Status.Up);
    this.rendered.set(app, { view, env, zone, latest: app.latest, atMs: nowMs });
    return view;
  }

  private count(caller: string, by: number): void {
    if (caller === "") return;
    const count = (this.callers.get(caller) ?? 0) + by;
    if (count > 0) this.callers.set(caller, count);
    else this.callers.delete(caller);
  }
}
