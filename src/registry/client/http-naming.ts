// The naming service over HTTP: a client of several registry nodes, ours or bilibili/discovery's. One long poll feeds
// all subscriptions, each registration keeps itself alive, and a failing node is replaced by another. Known lists
// remain while all nodes are away. After `close` nothing runs.

import type { NodeTls } from "../../transport/tls/node-tls.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import { type Instance, Status } from "../instance.ts";
import { type Cancel, systemTimers } from "../../base/timers.ts";
import { type Listed, type Listing, type Naming, type Registered, RegistryAway, type Registration } from "./naming.ts";
import { Code } from "../codes.ts";
import { NodeClient, NodeFailure, OpenRegistry, requestMsMax } from "./node-client.ts";
import { schemesFor } from "./node-origins.ts";
import { NodeList } from "./node-rotation.ts";
import { parseKnown, parseService } from "./parse-instances.ts";
import type { After } from "./pause.ts";
import { type OnInstances, PollLoop } from "./poll-loop.ts";
import { RegistrationLoop } from "./registration-loop.ts";
import { scheduled } from "./scheduler.ts";

/** The interval at which every loop moves to another node, so that load spreads again after a node returned. */
export const rotationMs = 30 * 60_000;
/** The time limit, at start, for a node to tell whether it requires a key. */
const keyMsMax = 1_000;

interface HttpNamingOptions {
  /** Initial nodes, `http://host:port` or `https://…`; others are learned from them, unless they are less safe. */
  readonly nodes: readonly string[];
  readonly env: string;
  readonly zone: string;
  readonly region: string;
  /** This client's name, which the registry keeps with polls. */
  readonly hostname: string;
  /** The current tokens for writes, one per cluster key, the preferred one first. Sent to nodes in the clear. */
  readonly tokens: () => readonly string[];
  /** Ignores nodes that accept writes without a key: nothing that they answer is believed. */
  readonly requiresKey: boolean;
  /** Learns further nodes from the registry. If anybody may write there, anybody may pose as a node. */
  readonly learnsNodes: boolean;
  /** For jitter and for the order of nodes. */
  readonly random: Random;
  readonly log: Log;
  readonly after?: After;
  /** Verifies the nodes of https:// URLs; without it, the system's authorities do. */
  readonly tls?: Pick<NodeTls, "dialler" | "isRequired"> | undefined;
}

export class HttpNaming implements Naming {
  private readonly options: HttpNamingOptions;
  private readonly after: After;
  private readonly client: NodeClient;
  private readonly nodes: NodeList;
  private readonly polls: PollLoop;
  private readonly registrations = new Map<string, RegistrationLoop>();
  /** The last list of each requested service, for when no node answers. */
  private readonly found = new Map<string, readonly Instance[]>();
  private readonly closed = new AbortController();
  private closing: Promise<void> | undefined;
  private cancelRotation: Cancel = () => undefined;

  /** Throws an Error if `nodes` is empty or one is malformed. Nothing runs until first use. */
  constructor(options: HttpNamingOptions) {
    const { env, zone, hostname, tokens, requiresKey, random, log, after = systemTimers.after } = options;
    this.options = options;
    this.after = after;
    this.client = new NodeClient(after, tokens, requiresKey, options.tls);
    this.nodes = new NodeList(options.nodes, zone, random, schemesFor(options.nodes, options.tls));
    const { client, nodes } = this;
    const answersAgain = (): void => {
      for (const loop of this.registrations.values()) loop.renewNow();
    };
    const learn = options.learnsNodes ? (instances: readonly Instance[]) => nodes.learn(instances) : () => undefined;
    this.polls = new PollLoop({ client, nodes, env, zone, hostname, after, random, log, answersAgain, learn });
  }

  async find(service: string): Promise<readonly Instance[]> {
    this.refuseWhenClosed();
    const known = this.polls.list(service);
    if (known !== undefined) return known;
    try {
      return await this.findNow(service);
    } catch (error) {
      this.refuseWhenClosed();
      const last = this.polls.list(service) ?? this.found.get(service);
      if (last !== undefined) return last;
      throw error;
    }
  }

  async findNow(service: string): Promise<readonly Instance[]> {
    const instances = await this.firstOf(service, (node) => this.fetch(node, service));
    this.found.set(service, instances);
    return instances;
  }

  async listAll(service: string): Promise<readonly Listed[]> {
    const known = await this.firstOf(service, async (node) => {
      const data = await this.fetchData(node, service, Status.Any);
      return data === undefined ? [] : parseKnown(data);
    });
    return known.map(({ instance, isStale }) => ({ instance, isStale, isProven: true }));
  }

  /** Asks one node after the other; returns the first answer. */
  private async firstOf<Answer>(service: string, ask: (node: string) => Promise<Answer>): Promise<Answer> {
    this.refuseWhenClosed();
    const failures: NodeFailure[] = [];
    for (const node of this.nodes.all) {
      try {
        return await ask(node);
      } catch (cause) {
        this.refuseWhenClosed();
        failures.push(cause instanceof NodeFailure ? cause : new NodeFailure(node, String(cause), { cause }));
      }
    }
    const reasons = failures.map(({ message }) => message).join("; ");
    throw new RegistryAway(`no registry node answers for ${service}: ${reasons}`, { cause: failures[0] });
  }

  async whoLists(service: string, id: string): Promise<Listing> {
    const listing: string[] = [];
    const lacking: string[] = [];
    await Promise.all(
      this.nodes.seeds.map(async (node) => {
        try {
          const instances = await this.fetch(node, service);
          (instances.some(({ hostname }) => hostname === id) ? listing : lacking).push(node);
        } catch (cause) {
          this.options.log.debug("a registry node does not say what it lists", { node, error: String(cause) });
        }
      }),
    );
    return { listing, lacking };
  }

  /**
   * Checks whether the given nodes accept writes without a key, for at most a second. Rejects with OpenRegistry if one
   * does and a key is required.
   */
  async refuseOpenNodes(): Promise<void> {
    if (!this.options.requiresKey) return;
    const asked = this.nodes.seeds.map((node) => this.client.demandKey(node, keyMsMax, this.closed.signal));
    for (const answer of await Promise.allSettled(asked))
      if (answer.status === "rejected" && answer.reason instanceof OpenRegistry) throw answer.reason;
  }

  get trouble(): string {
    const open = this.client.openNodes;
    return open.length === 0 ? "" : new OpenRegistry(open.join(", ")).message;
  }

  get isAnswered(): boolean {
    return !this.polls.isFailing;
  }

  subscribe(service: string, onChange: OnInstances): void {
    this.refuseWhenClosed();
    if (this.polls.isSubscribed(service)) throw new Error(`${service} is subscribed already`);
    this.start();
    this.polls.subscribe(service, (instances) => {
      this.found.set(service, instances);
      onChange(instances);
    });
  }

  unsubscribe(service: string): void {
    this.polls.unsubscribe(service);
  }

  async register(registration: Registration): Promise<Registered> {
    this.refuseWhenClosed();
    const { service, id } = registration;
    const key = `${service}\n${id}`;
    if (this.registrations.has(key)) throw new Error(`${service} ${id} is registered by this client already`);
    this.start();
    const loop = new RegistrationLoop(registration, {
      ...this.options,
      client: this.client,
      nodes: this.nodes,
      after: this.after,
    });
    this.registrations.set(key, loop);
    const forget = (): void => {
      if (this.registrations.get(key) === loop) this.registrations.delete(key);
    };
    try {
      await loop.start();
    } catch (error) {
      forget();
      throw error;
    }
    return {
      update: (change) => loop.update(change),
      deregister: async () => {
        await loop.deregister();
        forget();
      },
    };
  }

  /** Returns the UP instances of a service from one node. Rejects if it does not answer or is starting. */
  private async fetch(node: string, service: string): Promise<readonly Instance[]> {
    const data = await this.fetchData(node, service, Status.Up);
    return data === undefined ? [] : scheduled(parseService(data), this.options.zone);
  }

  /** Returns the data of `fetch` for instances whose status is in `mask`; undefined for an unknown service. */
  private async fetchData(node: string, service: string, mask: number): Promise<unknown> {
    const { env } = this.options;
    const parameters = new URLSearchParams({ env, appid: service, status: String(mask) });
    const call = { method: "GET", endpoint: "fetch", parameters, limitMs: requestMsMax } as const;
    const { code, message, data } = await this.client.ask(node, call, this.closed.signal);
    if (code !== Code.Ok && code !== Code.NotFound) throw new Error(`code ${code} ${message}`);
    return code === Code.NotFound ? undefined : (data ?? {});
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  /** Polls from the first use on, even without a subscription, to learn of further nodes. */
  private start(): void {
    this.cancelRotation();
    this.polls.start();
    this.scheduleRotation();
  }

  private scheduleRotation(): void {
    this.cancelRotation = this.after(rotationMs, () => {
      this.polls.rotate();
      for (const loop of this.registrations.values()) loop.rotate();
      this.scheduleRotation();
    });
  }

  private async end(): Promise<void> {
    this.closed.abort();
    this.cancelRotation();
    const loops = [...this.registrations.values()];
    await Promise.all([this.polls.stop(), ...loops.map((loop) => loop.deregister())]);
    this.registrations.clear();
  }

  private refuseWhenClosed(): void {
    if (this.closed.signal.aborted) throw new Error("this naming client is closed");
  }
}
