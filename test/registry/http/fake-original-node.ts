// A small node of the original implementation over real HTTP: what replication with it depends on, its faults included.
// It splits no commas, cancels without looking at versions, remembers no cancellation, drops reg_timestamp, and a
// renewal counts from the moment at which it arrives. What clients write it passes on to `peers` alone, before it
// answers, once.

import { parseAnswer, parseRenewed } from "../../../src/registry/client/parse-instances.ts";
import type { Instance } from "../../../src/registry/instance.ts";
import { jsonOf } from "../client/fake-registry.ts";

/** An instance with the API's names. */
export interface OriginalInstance {
  readonly region: string;
  readonly zone: string;
  readonly env: string;
  readonly appid: string;
  readonly hostname: string;
  readonly addrs: readonly string[] | null;
  readonly version: string;
  readonly metadata: unknown;
  readonly status: number;
  readonly reg_timestamp: bigint;
  readonly up_timestamp: bigint;
  readonly renew_timestamp: bigint;
  readonly dirty_timestamp: bigint;
  readonly latest_timestamp: bigint;
}

export interface OriginalCall {
  readonly method: string;
  readonly endpoint: string;
  readonly parameters: URLSearchParams;
  readonly headers: Headers;
}

type Script = (call: OriginalCall) => Response | undefined | Promise<Response | undefined>;

const writes: ReadonlySet<string> = new Set(["register", "renew", "cancel", "set"]);

export class FakeOriginalNode {
  readonly calls: OriginalCall[] = [];
  /** Answers before the node does; undefined leaves it to the node. */
  script: Script = () => undefined;
  /** It has just started: it can be written to, but not read. */
  isProtected = false;
  /** What its clock says: milliseconds since 1970. */
  nowMs: () => number = Date.now;
  /** Other nodes of its zone, `host:port`, to which it passes on what clients write. */
  peers: readonly string[] = [];
  /** What it passes on waits for this. */
  beforeForward: () => Promise<void> = async () => undefined;
  /** Requests that are under way, and the most that were. */
  busy = 0;
  busyMax = 0;
  private readonly table = new Map<string, OriginalInstance>();
  /** What was registered last, also when it was older than what is known: its peers receive it. */
  private registered: OriginalInstance | undefined;
  private readonly server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: (request) => this.fetch(request),
  });

  /** `host:port`. */
  get address(): string {
    return this.server.url.host;
  }

  get instances(): OriginalInstance[] {
    return [...this.table.values()];
  }

  /** Puts an instance in, as if it had been told of it. */
  put(instance: OriginalInstance): void {
    this.table.set(keyOf(instance), instance);
  }

  get(hostname: string): OriginalInstance | undefined {
    return this.instances.find((instance) => instance.hostname === hostname);
  }

  /** What the eviction of a lease does: no peer hears of it, nothing is remembered. */
  evict(hostname: string): void {
    for (const [key, instance] of this.table) if (instance.hostname === hostname) this.table.delete(key);
  }

  called(endpoint: string): OriginalCall[] {
    return this.calls.filter((call) => call.endpoint === endpoint);
  }

  async stop(): Promise<void> {
    await this.server.stop(true);
  }

  private async fetch(request: Request): Promise<Response> {
    this.busyMax = Math.max(this.busyMax, ++this.busy);
    try {
      const url = new URL(request.url);
      const parameters = request.method === "POST" ? new URLSearchParams(await request.text()) : url.searchParams;
      const endpoint = url.pathname.replace("/discovery/", "");
      const call = { method: request.method, endpoint, parameters, headers: request.headers };
      this.calls.push(call);
      const response = (await this.script(call)) ?? this.answer(call);
      if (writes.has(endpoint) && parameters.get("replication") !== "true") await this.forward(endpoint, parameters);
      if (!response.headers.has("date")) response.headers.set("date", new Date(this.nowMs()).toUTCString());
      return response;
    } finally {
      this.busy--;
    }
  }

  private answer({ method, endpoint, parameters }: OriginalCall): Response {
    switch (`${method} ${endpoint}`) {
      case "POST register":
        return this.register(parameters);
      case "POST renew":
        return this.renew(parameters);
      case "POST set":
        return this.set(parameters);
      case "POST cancel":
        return this.table.delete(keyOf(identityOf(parameters))) ? coded(0) : coded(-404);
      case "GET fetch/all":
        return this.isProtected ? coded(-500) : coded(0, this.listing());
      default:
        return new Response("404 page not found", { status: 404 });
    }
  }

  private register(parameters: URLSearchParams): Response {
    const identity = identityOf(parameters);
    const status = Number(parameters.get("status"));
    const addrs = parameters.getAll("addrs").filter((address) => address !== "");
    if (Object.values(identity).includes("") || addrs.length === 0 || status === 0) return coded(-400);
    if (status > 2) return new Response("");
    const now = this.nowNs();
    const dirty = int64(parameters, "dirty_timestamp");
    const known = this.table.get(keyOf(identity));
    const instance: OriginalInstance = {
      ...identity,
      region: parameters.get("region") ?? "",
      addrs,
      version: parameters.get("version") ?? "",
      metadata: JSON.parse(parameters.get("metadata") || "null"),
      status,
      reg_timestamp: now,
      up_timestamp: known?.up_timestamp ?? now,
      renew_timestamp: now,
      dirty_timestamp: dirty > 0n ? dirty : now,
      latest_timestamp: now,
    };
    this.registered = instance;
    if (known === undefined || instance.dirty_timestamp >= known.dirty_timestamp) this.put(instance);
    return coded(0);
  }

  private renew(parameters: URLSearchParams): Response {
    const known = this.table.get(keyOf(identityOf(parameters)));
    if (known === undefined) return coded(-404, null);
    const renewed = { ...known, renew_timestamp: this.nowNs() };
    this.put(renewed);
    if (parameters.get("replication") !== "true") return coded(0, renewed);
    const dirty = int64(parameters, "dirty_timestamp");
    if (dirty > known.dirty_timestamp) return coded(-404, null);
    return coded(dirty < known.dirty_timestamp ? -409 : 0, renewed);
  }

  /** It does not look at what version it has. */
  private set(parameters: URLSearchParams): Response {
    const now = int64(parameters, "set_timestamp") || this.nowNs();
    parameters.set("set_timestamp", String(now));
    const metadata = parameters.getAll("metadata");
    for (const [index, hostname] of parameters.getAll("hostname").entries()) {
      const known = this.table.get(keyOf({ ...identityOf(parameters), hostname }));
      if (known === undefined) return coded(-400);
      const status = Number(parameters.getAll("status")[index] ?? known.status);
      const merged = Object.assign({}, known.metadata, JSON.parse(metadata[index] ?? "{}"));
      this.put({ ...known, status, metadata: merged, dirty_timestamp: now, latest_timestamp: now });
    }
    return coded(0);
  }

  /** Tells its peers what a client has written here, as this node has it now. */
  private async forward(endpoint: string, parameters: URLSearchParams): Promise<void> {
    if (this.peers.length === 0) return;
    const known = endpoint === "register" ? this.registered : this.table.get(keyOf(identityOf(parameters)));
    await this.beforeForward();
    await Promise.all(this.peers.map((peer) => this.tell(peer, endpoint, parameters, known)));
  }

  private async tell(
    peer: string,
    endpoint: string,
    written: URLSearchParams,
    known: OriginalInstance | undefined,
  ): Promise<void> {
    const { zone, env, appid, hostname } = known ?? identityOf(written);
    const told = new URLSearchParams(endpoint === "set" ? written : { zone, env, appid, hostname });
    told.set("replication", "true");
    told.set("from_zone", "true");
    if (endpoint === "cancel") told.set("latest_timestamp", "0");
    if (endpoint === "register" && known !== undefined) {
      for (const key of ["region", "version", "status"] as const) told.set(key, String(known[key]));
      told.set("addrs", (known.addrs ?? []).join(","));
      told.set("metadata", JSON.stringify(known.metadata));
      for (const key of ["reg", "dirty", "latest"] as const)
        told.set(`${key}_timestamp`, String(known[`${key}_timestamp`]));
    }
    if (endpoint === "renew" && known !== undefined) told.set("dirty_timestamp", String(known.dirty_timestamp));
    const response = await fetch(`http://${peer}/discovery/${endpoint}`, { method: "POST", body: told });
    const { code, data } = parseAnswer(await response.text());
    if (endpoint !== "renew") return;
    if (code === -404) await this.tell(peer, "register", written, known);
    if (code === -409) this.adopt(parseRenewed(data).instance);
  }

  /** Takes what a peer has newer. */
  private adopt(instance: Instance): void {
    const { regTimestamp, upTimestamp, dirtyTimestamp, latestTimestamp, metadata, ...attributes } = instance;
    this.put({
      ...attributes,
      metadata: Object.fromEntries(metadata),
      reg_timestamp: regTimestamp,
      up_timestamp: upTimestamp,
      renew_timestamp: this.nowNs(),
      dirty_timestamp: dirtyTimestamp,
      latest_timestamp: latestTimestamp,
    });
  }

  private listing(): Record<string, OriginalInstance[]> {
    const services: Record<string, OriginalInstance[]> = {};
    for (const instance of this.table.values()) (services[instance.appid] ??= []).push(instance);
    return services;
  }

  private nowNs(): bigint {
    return BigInt(Math.round(this.nowMs() * 1e3)) * 1_000n + 1n;
  }
}

/** The original's envelope: HTTP status 200, whatever the code. */
export function coded(code: number, data?: unknown): Response {
  return new Response(jsonOf({ code, message: String(code), ttl: 1, data }));
}

function identityOf(parameters: URLSearchParams): Pick<OriginalInstance, "zone" | "env" | "appid" | "hostname"> {
  const text = (key: string): string => parameters.get(key) ?? "";
  return { zone: text("zone"), env: text("env"), appid: text("appid"), hostname: text("hostname") };
}

function keyOf({ zone, env, appid, hostname }: Pick<OriginalInstance, "zone" | "env" | "appid" | "hostname">): string {
  return [appid, env, zone, hostname].join("\n");
}

function int64(parameters: URLSearchParams, key: string): bigint {
  return BigInt(parameters.get(key) ?? "0");
}
