// A stand-in for a registry node over real HTTP, for scripted faults only: it can answer garbage, never, -500 or at
// for good, forget what it received, and die. Otherwise it answers as a node does, as far as the client depends on
// it.

import { Status } from "../../../src/registry/instance.ts";

export interface Call {
  readonly method: string;
  readonly endpoint: string;
  readonly parameters: URLSearchParams;
  readonly headers: Headers;
}

type Script = (call: Call) => Response | Promise<Response> | undefined;

interface Listed {
  readonly instances: readonly unknown[];
  readonly timestamp: bigint;
  readonly scheduler: unknown;
}

interface Waiting {
  readonly call: Call;
  readonly finish: (response: Response) => void;
}

export const coded = (code: number, message = String(code)): Response => Response.json({ code, message, ttl: 1 });

/** JSON with BigInts as bare digits. */
export function jsonOf(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? `int64:${part}` : part));
  return text.replace(/"int64:(-?\d+)"/g, "$1");
}

/** A request that is never answered. */
export const never = (): Promise<Response> => Promise.withResolvers<Response>().promise;

/** An instance as a node writes it; its timestamps are beyond what a double holds. */
export function instanceJson(appid: string, hostname: string, change: Record<string, unknown> = {}): unknown {
  const timestamp = 1_790_000_000_000_000_001n;
  return {
    region: "r",
    zone: "z1",
    env: "test",
    appid,
    hostname,
    addrs: [`tcp://${hostname}:1`],
    version: "1",
    metadata: { id: hostname },
    status: Status.Up,
    reg_timestamp: timestamp,
    up_timestamp: timestamp,
    renew_timestamp: timestamp,
    dirty_timestamp: timestamp,
    latest_timestamp: timestamp,
    ...change,
  };
}

export class FakeRegistry {
  readonly calls: Call[] = [];
  /** Answers before the node does; undefined leaves it to the node. */
  script: Script = () => undefined;
  /** Identities, `appid hostname`, that are registered. */
  readonly registered = new Set<string>();
  private readonly lists = new Map<string, Listed>();
  private readonly waiting = new Set<Waiting>();
  private readonly server: Bun.Server<undefined>;

  constructor(port = 0) {
    this.server = Bun.serve({ port, hostname: "127.0.0.1", idleTimeout: 0, fetch: (request) => this.fetch(request) });
  }

  get url(): string {
    return this.server.url.origin;
  }

  get port(): number {
    return Number(this.server.url.port);
  }

  /** Polls that wait now. */
  get held(): number {
    return this.waiting.size;
  }

  called(endpoint: string): Call[] {
    return this.calls.filter((call) => call.endpoint === endpoint);
  }

  /** Gives a service these instances (of `instanceJson`) and wakes who waits for it. */
  list(service: string, instances: readonly unknown[], timestamp: bigint, scheduler?: unknown): void {
    this.lists.set(service, { instances, timestamp, scheduler });
    for (const waiting of this.waiting) {
      const response = this.news(waiting.call);
      if (response !== undefined) waiting.finish(response);
    }
  }

  /** Loses a service, as a node does that restarts between two polls. */
  forget(service: string): void {
    this.lists.delete(service);
  }

  /** Ends every poll that waits with a code. */
  release(code: number): void {
    for (const { finish } of this.waiting) finish(coded(code));
  }

  async stop(): Promise<void> {
    await this.server.stop(true);
  }

  private async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const parameters = request.method === "POST" ? new URLSearchParams(await request.text()) : url.searchParams;
    const endpoint = url.pathname.replace("/discovery/", "");
    const call = { method: request.method, endpoint, parameters, headers: request.headers };
    this.calls.push(call);
    const scripted = this.script(call);
    if (scripted !== undefined) return scripted;
    const identity = `${parameters.get("appid")} ${parameters.get("hostname")}`;
    switch (endpoint) {
      case "polls":
        return this.news(call) ?? this.hold(call, request.signal);
      case "fetch": {
        const service = this.lists.get(parameters.get("appid") ?? "");
        return service === undefined ? coded(-404) : answered({ data: info(service) });
      }
      case "register":
        this.registered.add(identity);
        return coded(0);
      case "renew":
        return coded(this.registered.has(identity) ? 0 : -404);
      case "cancel":
        return coded(this.registered.delete(identity) ? 0 : -404);
      default:
        return new Response("404 page not found", { status: 404 });
    }
  }

  private news({ parameters }: Call): Response | undefined {
    const asked = parameters.getAll("appid");
    const timestamps = parameters.getAll("latest_timestamp");
    const data: Record<string, unknown> = {};
    asked.forEach((service, at) => {
      const listed = this.lists.get(service);
      if (listed !== undefined && listed.timestamp > BigInt(timestamps[at] ?? 0)) data[service] = info(listed);
    });
    if (Object.keys(data).length === 0) return undefined;
    const unknown = asked.filter((service) => !this.lists.has(service));
    return answered({ data, error: { "-404": unknown.length > 0 ? unknown : null } });
  }

  private hold(call: Call, signal: AbortSignal): Promise<Response> {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const waiting = {
      call,
      finish: (response: Response) => {
        this.waiting.delete(waiting);
        resolve(response);
      },
    };
    this.waiting.add(waiting);
    signal.addEventListener("abort", () => waiting.finish(coded(-304)));
    return promise;
  }
}

function answered(content: Record<string, unknown>): Response {
  return new Response(jsonOf({ code: 0, message: "0", ...content }));
}

function info({ instances, timestamp, scheduler }: Listed): unknown {
  return { instances: { z1: instances }, latest_timestamp: timestamp, scheduler };
}
