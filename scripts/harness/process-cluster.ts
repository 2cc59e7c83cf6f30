// A whole cluster as processes on this machine: registry nodes, gateways, login and chat services, which may be killed
// and started again one by one.

import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signToken } from "../../src/auth/token.ts";
import { freePorts } from "./free-ports.ts";
import { DiscoveryProcess, MemberProcess, type RoostProcess, type Variables } from "./server-process.ts";
import { until } from "./until.ts";

/** How many of each. */
export interface ClusterSize {
  readonly discovery: number;
  readonly gateways: number;
  readonly logins: number;
  readonly chats: number;
}

export interface ClusterOptions {
  /** Where keys and databases are put. */
  readonly folder: string;
  readonly size: ClusterSize;
  /** `postgres://…`; undefined: SQLite in the folder. */
  readonly store?: string | undefined;
  /** `redis://…`; undefined: SQLite in the folder. */
  readonly sessions?: string | undefined;
  /** All gateways listen at the ports of the first one. */
  readonly sharesPorts?: boolean;
  /** Further words for all processes of a kind. */
  readonly words?: Partial<Record<Kind, readonly string[]>>;
  /** Options of single processes, by name: other values, or undefined for options that are left out. */
  readonly slips?: Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;
  /** Environment variables of all processes. */
  readonly variables?: Variables;
  /** Where the streams of all processes go, as Bash says it: `2>/dev/full`. */
  readonly redirect?: string;
  /** A folder for the log of each, `NAME.log`, instead of this process. */
  readonly logs?: string;
  /** The authority by which certificates of nodes are verified; their certificates are given by `slips`. */
  readonly authority?: string;
  /** The registry is asked by https://. */
  readonly hasSecureRegistry?: boolean;
}

export type Kind = "discovery" | "gateway" | "login" | "chat";

/** A process of the cluster; the same words at each start. */
interface Place {
  readonly name: string;
  readonly kind: Kind;
  readonly words: readonly string[];
  /** What starts it; undefined: the release under test. */
  program: readonly string[] | undefined;
  process: RoostProcess | undefined;
}

export class ProcessCluster {
  /** Ports of the gateways for clients, in their order. */
  readonly gateways: readonly { readonly ws: string; readonly tcp: string }[];
  /** `http://host:port` or `https://host:port` of the registry's nodes. */
  readonly registry: readonly string[];
  private readonly options: ClusterOptions;
  private readonly secret = randomBytes(32).toString("base64url");
  private readonly places: readonly Place[];

  private constructor(options: ClusterOptions, ports: readonly number[]) {
    const { folder, size } = options;
    const at = (index: number): string => `127.0.0.1:${ports[index]}`;
    const nodes = Array.from({ length: size.discovery }, (_, index) => at(index));
    this.options = options;
    this.registry = nodes.map((address) => `${options.hasSecureRegistry === true ? "https" : "http"}://${address}`);
    this.gateways = Array.from({ length: size.gateways }, (_, index) => {
      const first = size.discovery + (options.sharesPorts === true ? 0 : 2 * index);
      return { ws: at(first), tcp: at(first + 1) };
    });
    const keys = ["--cluster-key-file", join(folder, "cluster-key")];
    const common = ["--discovery", this.registry.join(","), ...keys, "--monitor", "127.0.0.1:0"];
    const sessions = ["--sessions", options.sessions ?? `sqlite:${join(folder, "sessions.db")}`];
    const store = ["--store", options.store ?? `sqlite:${join(folder, "messages.db")}`];
    const place = (kind: Kind, index: number, words: readonly string[]): Place => {
      const name = `${kind}-${index + 1}`;
      // DiscoveryProcess says its role itself.
      const all = [...(kind === "discovery" ? [] : ["--role", kind]), ...words, ...(options.words?.[kind] ?? [])];
      return { name, kind, words: slipped(all, options.slips?.[name] ?? {}), program: undefined, process: undefined };
    };
    const members = (kind: Kind, count: number, words: (index: number) => readonly string[]): Place[] =>
      Array.from({ length: count }, (_, index) =>
        place(kind, index, ["--id", `${kind}-${index + 1}`, ...common, ...words(index)]),
      );
    this.places = [
      ...nodes.map((address, index) =>
        place("discovery", index, ["--listen", address, "--peers", nodes.join(","), ...keys]),
      ),
      ...members("login", size.logins, () => sessions),
      ...members("chat", size.chats, () => [...sessions, ...store]),
      ...members("gateway", size.gateways, (index) => [
        ...["--ws", this.gateways[index]?.ws ?? "", "--tcp", this.gateways[index]?.tcp ?? ""],
        ...["--secret-file", join(folder, "secret")],
        ...(options.sharesPorts === true ? ["--reuse-port"] : []),
      ]),
    ];
    writeFileSync(join(folder, "cluster-key"), `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
    writeFileSync(join(folder, "secret"), `${this.secret}\n`, { mode: 0o600 });
  }

  /** Finds a place for each; nothing runs yet. */
  static async prepare(options: ClusterOptions): Promise<ProcessCluster> {
    const { discovery, gateways } = options.size;
    return new ProcessCluster(options, await freePorts(discovery + 2 * gateways));
  }

  /** Starts all of it at once, and waits until it can do its job. Leaves nothing running when that fails. */
  static async start(options: ClusterOptions): Promise<ProcessCluster> {
    const cluster = await ProcessCluster.prepare(options);
    try {
      // Those that come up although another one does not are ended, too.
      const starts = await Promise.allSettled(cluster.places.map(({ name }) => cluster.start(name)));
      for (const start of starts) if (start.status === "rejected") throw start.reason;
      await cluster.ready();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Names of the processes of a kind, or of all. */
  names(kind?: Kind): string[] {
    return this.places.filter((place) => kind === undefined || place.kind === kind).map(({ name }) => name);
  }

  /** Where `/health` and `/metrics` of a running member are. */
  monitor(name: string): string {
    const { process } = this.place(name);
    if (!(process instanceof MemberProcess)) throw new Error(`${name} has no monitor now`);
    return process.monitor;
  }

  /** Where a running process is for whoever uses it. */
  shownAddress(name: string): string {
    const { process } = this.place(name);
    if (process instanceof DiscoveryProcess) return process.url;
    if (!(process instanceof MemberProcess)) return "";
    const clients = [...process.banner.matchAll(/(?:ws|tcp):\/\/\S+/g)].map(([url]) => url);
    return [...(clients.length > 0 ? clients : [`links ${process.links}`]), `monitor ${process.monitor}`].join("  ");
  }

  /** Where a running member takes links, `host:port` or `tls://host:port`. */
  linkAddress(name: string): string {
    const { process } = this.place(name);
    if (!(process instanceof MemberProcess)) throw new Error(`${name} takes no links now`);
    return process.links;
  }

  /** What is said on the command line when a process is started, with other values for some options. */
  words(name: string, others: Readonly<Record<string, string>> = {}): string[] {
    return this.place(name).words.map((word, at, all) => others[all[at - 1] ?? ""] ?? word);
  }

  process(name: string): RoostProcess | undefined {
    return this.place(name).process;
  }

  /** Says what starts a process from its next start on; undefined: the release under test. */
  setProgram(name: string, program: readonly string[] | undefined): void {
    this.place(name).program = program;
  }

  async start(name: string): Promise<void> {
    const place = this.place(name);
    const { folder, variables, logs } = this.options;
    const redirect =
      logs === undefined ? this.options.redirect : `2>>'${join(logs, `${name}.log`).replaceAll("'", "'\\''")}'`;
    const { words, program } = place;
    place.process =
      place.kind === "discovery"
        ? await DiscoveryProcess.start(folder, words, variables, redirect, program)
        : await MemberProcess.start(folder, words, variables, redirect, program);
  }

  /** Ends a process; its status. */
  async end(name: string, signal: NodeJS.Signals): Promise<number> {
    const place = this.place(name);
    const ended = await place.process?.end(signal);
    place.process = undefined;
    return ended ?? 0;
  }

  /** True when a process says that it can do its job. */
  async isReady(name: string): Promise<boolean> {
    const { process } = this.place(name);
    const url =
      process instanceof MemberProcess ? this.monitor(name) : process instanceof DiscoveryProcess && process.url;
    return typeof url === "string" && (await this.ask(`${url}/health`)).ok;
  }

  /** Asks a monitor, or a node of the registry. */
  ask(url: string): Promise<Response> {
    const { authority } = this.options;
    return fetch(url, authority === undefined ? {} : { tls: { ca: readFileSync(authority, "utf8") } });
  }

  /** Waits until all that run can do their jobs. */
  async ready(msMax = 60_000): Promise<void> {
    for (const { name, process } of this.places)
      if (process !== undefined) await until(() => this.isReady(name), `${name} is ready`, msMax);
  }

  token(account: string, app = "app"): Promise<string> {
    return signToken(new TextEncoder().encode(this.secret), { account, app, ttlSeconds: 24 * 3600 });
  }

  /** Ends all that run. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await Promise.all(this.places.map(({ name }) => this.end(name, signal)));
  }

  private place(name: string): Place {
    const place = this.places.find((candidate) => candidate.name === name);
    if (place === undefined) throw new Error(`there is no ${name}`);
    return place;
  }
}

/** Command line words with these values for some options, or without them. */
function slipped(words: readonly string[], slips: Readonly<Record<string, string | undefined>>): string[] {
  const isSlip = (word = ""): boolean => Object.hasOwn(slips, word);
  const rest = words.filter((word, at) => !isSlip(word) && !isSlip(words[at - 1]));
  return [...rest, ...Object.entries(slips).flatMap(([option, value]) => (value === undefined ? [] : [option, value]))];
}
