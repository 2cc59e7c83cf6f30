// A client that behaves as bilibili/discovery's own Go client does, its weaknesses included: it
// waits for infra.discovery before anything else, ignores services without instances, asks again at once after -304,
// and takes a whole answer for an error when any part of it is not what Go's encoding/json would put into its types.

import { at, encode } from "./support.ts";

/** The registry's own service. */
const discoveryAppid = "infra.discovery";
/** The code of a poll that ended without a change. */
const notModified = -304;
const nothingFound = -404;

export interface GoClientOptions {
  /** `host:port` of nodes to begin with. */
  readonly nodes: readonly string[];
  readonly region: string;
  readonly zone: string;
  readonly env: string;
  readonly host: string;
  /** v1.0.x joins addresses by commas; later ones repeat the key. */
  readonly joinsAddresses: boolean;
  /**
   * The Go client's are 40 s, 30 s and 1 s. A poll may take pollGraceMs longer than it says: a test's machine is busy.
   */
  readonly pollTimeoutMs: number;
  readonly renewMs: number;
  readonly pauseMs: number;
}

const pollGraceMs = 5_000;

export interface GoInstance {
  readonly region: string;
  readonly zone: string;
  readonly env: string;
  readonly appid: string;
  readonly hostname: string;
  readonly addrs: readonly string[];
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly status: bigint;
  readonly latestTimestamp: bigint;
}

/** What an application is given: instances by zone. */
export type GoZones = ReadonlyMap<string, readonly GoInstance[]>;

/** The answer is not what the types of the Go client hold. */
export class GoDecodeError extends Error {
  override readonly name = "GoDecodeError";
}

interface Watched {
  zones: GoZones | undefined;
  latestTimestamp: bigint;
  /** Answers that were applied. */
  updates: number;
}

interface Registration {
  readonly appid: string;
  readonly addrs: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export class GoClient {
  /** Answers to polls by code, and polls that failed. */
  readonly answers = new Map<number, number>();
  failures: string[] = [];
  private readonly options: GoClientOptions;
  private readonly watched = new Map<string, Watched>();
  private readonly registrations = new Map<string, () => Promise<void>>();
  private readonly closed = new AbortController();
  private readonly loops: Promise<void>[] = [];
  private nodes: readonly string[];
  private nodeIndex = 0;
  private lastHost = "";
  private cancelPoll: AbortController | undefined;
  private failuresInARow = 0;

  private constructor(options: GoClientOptions) {
    this.options = options;
    this.nodes = options.nodes;
  }

  /** As `New` does: resolves once infra.discovery is known. */
  static async start(options: GoClientOptions): Promise<GoClient> {
    const client = new GoClient(options);
    client.watched.set(discoveryAppid, { zones: undefined, latestTimestamp: 0n, updates: 0 });
    client.loops.push(client.pollLoop());
    while (client.fetch(discoveryAppid) === undefined && !client.closed.signal.aborted) await Bun.sleep(1);
    return client;
  }

  /** Begins to watch a service: the running poll is cancelled, a new one names it, too. */
  watch(appid: string): void {
    if (this.watched.has(appid)) return;
    this.watched.set(appid, { zones: undefined, latestTimestamp: 0n, updates: 0 });
    this.cancelPoll?.abort();
  }

  /** What is known of a service; undefined: nothing yet. */
  fetch(appid: string): GoZones | undefined {
    return this.watched.get(appid)?.zones;
  }

  /** Host names of a service, sorted; none when nothing is known. */
  hostnames(appid: string): string[] {
    return [...(this.fetch(appid) ?? new Map<string, GoInstance[]>()).values()]
      .flatMap((list) => list.map(({ hostname }) => hostname))
      .toSorted();
  }

  /** How often news of a service were applied. */
  updates(appid: string): number {
    return this.watched.get(appid)?.updates ?? 0;
  }

  /** The node that is asked now. */
  get node(): string {
    return this.nodes[this.nodeIndex % this.nodes.length] ?? "";
  }

  /** Registers and keeps renewing; the returned function cancels. Rejects when the registry refuses. */
  async register(
    appid: string,
    addrs: readonly string[],
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<() => Promise<void>> {
    if (this.registrations.has(appid)) throw new Error(`${appid} is registered by this client already`);
    const registration = { appid, addrs, metadata };
    await this.sendRegister(registration);
    let isOn = true;
    const cancel = async (): Promise<void> => {
      isOn = false;
      this.registrations.delete(appid);
      await this.expectOk("cancel", this.identity(appid));
    };
    this.registrations.set(appid, cancel);
    this.loops.push(this.renewLoop(registration, () => isOn));
    return cancel;
  }

  /** As `Set` does: status is always UP. */
  async set(appid: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    const { host } = this.options;
    const values = {
      ...this.identity(appid),
      hostname: host,
      version: "v2",
      status: "1",
      metadata: JSON.stringify(metadata),
    };
    await this.expectOk("set", values);
  }

  /** Cancels what is registered and ends all loops. */
  async close(): Promise<void> {
    for (const cancel of this.registrations.values()) await cancel();
    await this.abandon();
  }

  /** Ends all loops without a word to the registry, as a process that is killed does. */
  async abandon(): Promise<void> {
    this.closed.abort();
    this.cancelPoll?.abort();
    await Promise.all(this.loops);
  }

  private async pollLoop(): Promise<void> {
    while (!this.closed.signal.aborted) {
      try {
        await this.poll();
        this.failuresInARow = 0;
      } catch (error) {
        if (this.closed.signal.aborted) return;
        this.failures.push(error instanceof Error ? error.message : String(error));
        this.switchNode();
        await Bun.sleep(this.options.pauseMs);
      }
    }
  }

  private async poll(): Promise<void> {
    const { node } = this;
    if (node !== this.lastHost) {
      // Versions of one node mean nothing to another.
      for (const watched of this.watched.values()) watched.latestTimestamp = 0n;
      this.lastHost = node;
    }
    const appids = [...this.watched.keys()];
    const versions = appids.map((appid) => String(this.watched.get(appid)?.latestTimestamp ?? 0n));
    const { env, host, pollTimeoutMs } = this.options;
    const query = encode({ env, hostname: host, appid: appids, latest_timestamp: versions });
    const cancelled = new AbortController();
    this.cancelPoll = cancelled;
    const limit = AbortSignal.timeout(pollTimeoutMs + pollGraceMs);
    let text: string;
    try {
      text = await this.raw(node, `polls?${query}`, pollTimeoutMs, {
        signal: AbortSignal.any([cancelled.signal, limit]),
      });
    } catch (error) {
      // A new service is watched: asked again at once.
      if (cancelled.signal.aborted) return;
      throw error;
    }
    const answer = decode(text);
    const code = Number(intOf(at(answer, "code"), "code"));
    this.answers.set(code, (this.answers.get(code) ?? 0) + 1);
    if (code === notModified) return;
    if (code !== 0) throw new Error(`polls: code ${code}`);
    this.apply(infosOf(at(answer, "data")));
  }

  private apply(infos: ReadonlyMap<string, { readonly zones: GoZones; readonly latestTimestamp: bigint }>): void {
    for (const [appid, { zones, latestTimestamp }] of infos) {
      const watched = this.watched.get(appid);
      // A service without instances is ignored, and its version is not taken over.
      if (watched === undefined || [...zones.values()].every(({ length }) => length === 0)) continue;
      watched.zones = zones;
      watched.latestTimestamp = latestTimestamp;
      watched.updates++;
      if (appid === discoveryAppid) this.learnNodes(zones);
    }
  }

  /** Takes over the nodes of its own zone, if there are any. */
  private learnNodes(zones: GoZones): void {
    const addresses = (zones.get(this.options.zone) ?? []).flatMap(({ addrs }) =>
      addrs.filter((address) => address.startsWith("http://")).map((address) => address.slice("http://".length)),
    );
    if (addresses.length === 0) return;
    const { node } = this;
    this.nodes = addresses;
    this.nodeIndex = Math.max(0, addresses.indexOf(node));
  }

  private switchNode(): void {
    this.nodeIndex++;
    if (++this.failuresInARow < this.nodes.length) return;
    this.nodes = [...new Set([...this.nodes, ...this.options.nodes])];
  }

  private async renewLoop(registration: Registration, isOn: () => boolean): Promise<void> {
    while (!this.closed.signal.aborted && isOn()) {
      await pause(this.options.renewMs, this.closed.signal);
      if (this.closed.signal.aborted || !isOn()) return;
      try {
        const code = await this.post("renew", this.identity(registration.appid));
        if (code === nothingFound && isOn()) await this.sendRegister(registration);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
        this.nodeIndex++;
      }
    }
  }

  private async sendRegister({ appid, addrs, metadata }: Registration): Promise<void> {
    const { joinsAddresses } = this.options;
    await this.expectOk("register", {
      ...this.identity(appid),
      addrs: joinsAddresses ? addrs.join(",") : addrs,
      version: "v1",
      status: "1",
      metadata: JSON.stringify(metadata),
    });
  }

  private identity(appid: string): Record<string, string> {
    const { region, zone, env, host } = this.options;
    return { region, zone, env, hostname: host, appid };
  }

  private async expectOk(endpoint: string, values: Parameters<typeof encode>[0]): Promise<void> {
    const code = await this.post(endpoint, values);
    if (code !== 0) throw new Error(`${endpoint}: code ${code}`);
  }

  private async post(endpoint: string, values: Parameters<typeof encode>[0]): Promise<number> {
    const body = encode(values);
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const limit = AbortSignal.timeout(this.options.pollTimeoutMs);
    const text = await this.raw(this.node, endpoint, this.options.pollTimeoutMs, {
      method: "POST",
      body,
      headers,
      signal: limit,
    });
    return Number(intOf(at(decode(text), "code"), "code"));
  }

  /** An answer's text. As in the Go client, an HTTP status from 400 on is an error, whatever the body says. */
  private async raw(node: string, target: string, timeoutMs: number, init: RequestInit): Promise<string> {
    const headers = new Headers(init.headers);
    headers.set("x1-bmspy-timeout", String(timeoutMs));
    headers.set("user-agent", `blademastergo1.12 ${this.options.host} client`);
    const response = await fetch(`http://${node}/discovery/${target}`, { ...init, headers });
    const text = await response.text();
    if (response.status >= 400) throw new Error(`${target.split("?")[0]}: HTTP status ${response.status}`);
    if (text === "") throw new GoDecodeError("an empty body");
    return text;
  }
}

/** JSON as encoding/json reads it: whole numbers as BigInt, so that what is not written as one is seen. */
export function decode(text: string): unknown {
  const exact = (_key: string, value: unknown, context?: { readonly source?: string }): unknown => {
    if (typeof value !== "number") return value;
    const source = context?.source ?? "";
    return /^-?\d+$/.test(source) ? BigInt(source) : value;
  };
  try {
    return JSON.parse(text, exact);
  } catch (cause) {
    throw new GoDecodeError(`no JSON: ${text.slice(0, 100)}`, { cause });
  }
}

/** The data of polls: every entry there, and with a version that is not 0. */
export function infosOf(data: unknown): Map<string, { readonly zones: GoZones; readonly latestTimestamp: bigint }> {
  const infos = new Map<string, { readonly zones: GoZones; readonly latestTimestamp: bigint }>();
  for (const [appid, info] of membersOf(data, "data")) {
    if (info === null) throw new GoDecodeError(`data.${appid} is null`);
    const latestTimestamp = intOf(at(info, "latest_timestamp"), "latest_timestamp");
    if (latestTimestamp === 0n) throw new GoDecodeError(`data.${appid}.latest_timestamp is 0`);
    if (at(info, "scheduler") !== undefined) throw new GoDecodeError("a scheduler is not a list");
    const zones = new Map<string, GoInstance[]>();
    for (const [zone, list] of membersOf(at(info, "instances"), "instances"))
      zones.set(zone, listOf(list, `instances.${zone}`).map(instanceOf));
    infos.set(appid, { zones, latestTimestamp });
  }
  return infos;
}

function instanceOf(value: unknown): GoInstance {
  const text = (name: string): string => textOf(at(value, name), name);
  for (const name of ["reg", "up", "renew", "dirty"]) intOf(at(value, `${name}_timestamp`), `${name}_timestamp`);
  const status = intOf(at(value, "status"), "status");
  if (status < 0n || status > 0xffff_ffffn) throw new GoDecodeError("status is no uint32");
  const metadata = membersOf(at(value, "metadata"), "metadata").map(([key, entry]): [string, string] => [
    key,
    textOf(entry, `metadata.${key}`),
  ]);
  return {
    region: text("region"),
    zone: text("zone"),
    env: text("env"),
    appid: text("appid"),
    hostname: text("hostname"),
    addrs: listOf(at(value, "addrs"), "addrs").map((address) => textOf(address, "addrs")),
    version: text("version"),
    metadata: Object.fromEntries(metadata),
    status,
    latestTimestamp: intOf(at(value, "latest_timestamp"), "latest_timestamp"),
  };
}

/** An int64: a literal without quotes, point or exponent, and within its range. */
function intOf(value: unknown, name: string): bigint {
  if (typeof value !== "bigint" || value !== BigInt.asIntN(64, value)) throw new GoDecodeError(`${name} is no int64`);
  return value;
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== "string") throw new GoDecodeError(`${name} is no text`);
  return value;
}

function listOf(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw new GoDecodeError(`${name} is no list`);
  return value;
}

function membersOf(value: unknown, name: string): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new GoDecodeError(`${name} is no object`);
  return Object.entries(value);
}

/** Waits, unless it is over before. */
async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, delayMs);
  signal.addEventListener("abort", () => resolve());
  if (signal.aborted) resolve();
  await promise;
  clearTimeout(timer);
}
