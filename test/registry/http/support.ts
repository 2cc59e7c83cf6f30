// A discovery node on a free port, as its clients see it: over HTTP, with every number of an answer to its last digit.

import { systemClock } from "../../../src/base/clock.ts";
import { PublicGateways } from "../../../src/registry/lookup/public-gateways.ts";
import { connect, type Socket } from "node:net";
import { type Log, silentLog } from "../../../src/base/log.ts";
import type { LimitValues } from "../../../src/base/limits/table.ts";
import { testLimits } from "../../support/limits.ts";
import { ContainedBugs } from "../../../src/observe/contained-bugs.ts";
import { ControlCommands } from "../../../src/observe/control-commands.ts";
import { RegistryMetrics } from "../../../src/observe/registry-metrics.ts";
import { startLoneRegistry } from "../../../src/registry/node/alone.ts";
import { bindRegistryHttp } from "../../../src/registry/http/server.ts";
import { startDiscovery } from "../../../src/roles/discovery/start.ts";
import type { DiscoverySettings, RunningDiscovery } from "../../../src/roles/settings.ts";
import type { NodeTls } from "../../../src/transport/tls/node-tls.ts";
import { defaultSettings } from "../../../scripts/harness/default-settings.ts";

/** Values by name; a list is a repeated key, undefined leaves a default out. */
export type Values = Readonly<Record<string, string | readonly string[] | undefined>>;

/** An answer of a node. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON, whole numbers of 16 digits and more as BigInt; undefined when it is not JSON. */
  readonly json: unknown;
  /** `code` of the envelope. */
  readonly code: unknown;
}

const ends: (() => Promise<void>)[] = [];

/** Something to be ended after the test. */
export function endLater(end: () => Promise<void>): void {
  ends.push(end);
}

/** Ends all that the test has started, the last one first; for `afterEach`. */
export async function endAll(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end();
}

/**
 * A registry without peers behind HTTP; its parts can be broken by a test. `quotaOf` as in HttpServerOptions. It is
 * stopped by `endAll`.
 */
export function serveRegistry(
  log: Log = silentLog,
  given: Partial<LimitValues> = {},
  quotaOf?: (remoteAddress: string) => string,
) {
  const bugs = new ContainedBugs(log, systemClock);
  const limits = testLimits(given);
  const node = startLoneRegistry({ env: "prod", zone: "z1", version: "test", limits, log: silentLog });
  endLater(async () => node.stop());
  const http = bindRegistryHttp(
    { host: "127.0.0.1", port: 0 },
    {
      bugs,
      limits,
      names: [],
      ...(quotaOf === undefined ? {} : { quotaOf }),
    },
  );
  endLater(() => http.stop());
  const metrics = new RegistryMetrics(() => {
    throw new Error("nobody asks for metrics here");
  }, bugs);
  http.open({
    node,
    tokens: () => [],
    lookup: undefined,
    gateways: new PublicGateways({ directory: node, revisions: node, env: "prod", clock: systemClock }),
    metrics,
    health: () => ({ ready: true, detail: {} }),
    control: new ControlCommands({}, () => undefined),
  });
  const port = Number(http.address.slice(http.address.lastIndexOf(":") + 1));
  return { node, http, metrics, bugs, limits, port, url: `http://${http.address}` };
}

/** What identifies the instance that most tests are about. */
export const chat1 = { env: "prod", zone: "z1", appid: "chat", hostname: "chat-1" } as const;

const registration = { ...chat1, region: "r1", status: "1", addrs: ["tcp://10.0.0.1:8100"], version: "1" } as const;

export class TestNode {
  private readonly running: RunningDiscovery;
  private readonly tls: NodeTls | undefined;

  private constructor(running: RunningDiscovery, tls: NodeTls | undefined) {
    this.running = running;
    this.tls = tls;
  }

  /** Starts a node of zone z1 and env prod, alone unless `change` names peers; it is stopped by `endAll`. */
  static async start(change: Partial<DiscoverySettings> = {}): Promise<TestNode> {
    const running = await startDiscovery({
      ...defaultSettings("discovery"),
      listen: { host: "127.0.0.1", port: 0 },
      zone: "z1",
      region: "r1",
      env: "prod",
      dnsTtlMs: 1_000,
      snapshotPath: undefined,
      lookup: undefined,
      clusterKeys: [],
      version: "test",
      limits: testLimits(),
      log: silentLog,
      ...change,
    });
    const node = new TestNode(running, change.nodeTls);
    endLater(() => node.stop());
    return node;
  }

  /** `host:port`. */
  get address(): string {
    return this.running.addresses.http;
  }

  get port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(":") + 1));
  }

  get url(): string {
    return `${this.tls?.isRequired === true ? "https" : "http"}://${this.address}`;
  }

  /** Says goodbye and closes; a second time does nothing. */
  stop(): Promise<void> {
    return this.running.drain();
  }

  /** Any request; the connection is not kept. */
  ask(path: string, init: RequestInit = {}): Promise<Reply> {
    const trust = this.tls?.dialler;
    return askUrl(`${this.url}${path}`, trust === undefined ? init : { ...init, tls: { ca: trust.ca } });
  }

  get(endpoint: string, values: Values = {}, init: RequestInit = {}): Promise<Reply> {
    return this.ask(`/discovery/${endpoint}?${encode(values)}`, init);
  }

  post(endpoint: string, values: Values = {}, init: RequestInit = {}): Promise<Reply> {
    return this.ask(`/discovery/${endpoint}`, { method: "POST", body: encode(values), ...init });
  }

  /** A message as another node of the registry sends it. */
  postMessage(endpoint: string, body: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.post(endpoint, {}, { body, headers: { "content-type": "application/json", ...headers } });
  }

  register(change: Values = {}, init: RequestInit = {}): Promise<Reply> {
    return this.post("register", { ...registration, ...change }, init);
  }

  renew(change: Values = {}): Promise<Reply> {
    return this.post("renew", { ...chat1, ...change });
  }

  cancel(change: Values = {}): Promise<Reply> {
    return this.post("cancel", { ...chat1, ...change });
  }

  set(change: Values = {}): Promise<Reply> {
    return this.post("set", { ...chat1, ...change });
  }

  /** Both statuses, unless `change` says otherwise. */
  fetch(change: Values = {}): Promise<Reply> {
    return this.get("fetch", { env: "prod", appid: "chat", status: "3", ...change });
  }

  /** A long poll of several services; `timeoutMs` is what the client says that it waits. */
  polls(change: Values = {}, timeoutMs = 40_000, signal?: AbortSignal): Promise<Reply> {
    return this.poll(change, timeoutMs, signal, "polls");
  }

  /** A long poll; of one service unless `endpoint` says otherwise. */
  poll(change: Values = {}, timeoutMs = 40_000, signal?: AbortSignal, endpoint = "poll"): Promise<Reply> {
    const values = { env: "prod", hostname: "poller", appid: "chat", latest_timestamp: "0", ...change };
    const headers = { "x1-bmspy-timeout": String(timeoutMs) };
    return this.get(endpoint, values, signal === undefined ? { headers } : { headers, signal });
  }

  /** The instance chat-1, or another one of that zone, as `fetch` shows it; undefined when it is not listed. */
  async instance(change: Values = {}, hostname = "chat-1"): Promise<unknown> {
    const list = at((await this.fetch(change)).json, "data", "instances", "z1");
    return Array.isArray(list) ? list.find((item: unknown) => at(item, "hostname") === hostname) : undefined;
  }

  /** Host names of a service in zone z1, sorted. */
  async hostnames(change: Values = {}): Promise<string[]> {
    return hostnamesOf(at((await this.fetch(change)).json, "data"));
  }

  /** The version of a service, to be sent back in a poll. */
  async latest(change: Values = {}): Promise<string> {
    return String(at((await this.fetch(change)).json, "data", "latest_timestamp"));
  }

  /** The number that a metric without labels shows. */
  async metric(name: string): Promise<number> {
    const { text } = await this.ask("/metrics");
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
    if (line === undefined) throw new Error(`there is no metric ${name}`);
    return Number(line.slice(name.length + 1));
  }

  /** Waits until this many long polls wait. */
  async untilPolls(count: number): Promise<void> {
    await eventually(`${count} long polls`, async () => (await this.metric("roost_registry_polls")) === count);
  }
}

/** A request to anybody; the connection is not kept. */
export async function askUrl(url: string, init: BunFetchRequestInit = {}): Promise<Reply> {
  const response = await fetch(url, { keepalive: false, ...init });
  const text = await response.text();
  const json = jsonOrNothing(text);
  return { status: response.status, headers: response.headers, text, json, code: at(json, "code") };
}

/** A form, or a query string. */
export function encode(values: Values): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    for (const one of typeof value === "string" ? [value] : value) parameters.append(name, one);
  }
  return parameters.toString();
}

/** A member of nested objects and lists; undefined when it is not there. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null) return undefined;
    const found: unknown = Reflect.get(here, key);
    here = found;
  }
  return here;
}

/** JSON with every whole number of 16 digits and more as BigInt. Throws SyntaxError. */
export function exactJson(text: string): unknown {
  const exact = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const source = context?.source ?? "";
    return typeof value === "number" && /^-?\d{16,}$/.test(source) ? BigInt(source) : value;
  };
  return JSON.parse(text, exact);
}

function jsonOrNothing(text: string): unknown {
  try {
    return exactJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Host names in an InstanceInfo, of all zones, sorted. */
export function hostnamesOf(info: unknown): string[] {
  const zones = at(info, "instances");
  if (typeof zones !== "object" || zones === null) return [];
  const lists: unknown[] = Object.values(zones);
  return lists
    .flatMap((list): unknown[] => (Array.isArray(list) ? list : []))
    .map((item) => String(at(item, "hostname")))
    .toSorted();
}

/** Waits, bounded, until something is so. */
export async function eventually(
  what: string,
  isSo: () => Promise<boolean> | boolean,
  withinMs = 30_000,
): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`waited for: ${what}`);
    await Bun.sleep(5);
  }
}

/** True while a promise is not settled, all that can run having run. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  const first = await Promise.race([promise, Bun.sleep(30).then(() => pending)]);
  return first === pending;
}

/** A bare connection, for what no HTTP client would send. */
export class RawConnection {
  private readonly socket: Socket;
  text = "";
  isClosed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => (this.text += bytes.toString("latin1")));
    socket.on("close", () => (this.isClosed = true));
    socket.on("error", () => (this.isClosed = true));
  }

  static open({ port, host = "127.0.0.1" }: { readonly port: number; readonly host?: string }): Promise<RawConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<RawConnection>();
    const socket = connect(port, host);
    socket.once("error", reject);
    socket.once("connect", () => {
      const connection = new RawConnection(socket);
      endLater(async () => connection.close());
      resolve(connection);
    });
    return promise;
  }

  write(text: string | Uint8Array): void {
    if (!this.isClosed) this.socket.write(text);
  }

  /** Says that nothing more comes, and stays to listen. */
  finish(): void {
    this.socket.end();
  }

  close(): void {
    this.socket.destroy();
  }

  /** Waits until the node has sent this. */
  async until(part: string): Promise<void> {
    await eventually(`the answer ${part}, after ${this.text.slice(0, 200)}`, () => this.text.includes(part));
  }

  async untilClosed(): Promise<void> {
    await eventually("the end of the connection", () => this.isClosed);
  }
}
