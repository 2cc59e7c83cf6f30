// Asks the nodes of a registry what it lists, for commands: the first good answer counts.

import { reasonOf } from "../base/reason-of.ts";
import { NoAnswer, Sources } from "../base/sources.ts";
import { MalformedJson } from "../base/json-fields.ts";
import { Code } from "../registry/codes.ts";
import { type Call, NodeClient, NodeFailure } from "../registry/client/node-client.ts";
import { type Answer, parseListing, parseNodes } from "../registry/client/parse-instances.ts";
import type { Instance } from "../registry/instance.ts";
import { systemTimers } from "../base/timers.ts";
import type { NodeTrust } from "../registry/client/node-request.ts";
import { StartError } from "./usage-error.ts";

const requestMsMax = 3_000;

/** The answer of one registry node. */
interface RegistryListing {
  /** The node's URL. */
  readonly node: string;
  readonly instances: readonly Instance[];
  /** The addresses of the registry nodes that it cannot reach. */
  readonly lost: ReadonlySet<string>;
  /** The last renewal of each instance, by the node's clock, in nanoseconds since 1970. */
  readonly renewals: ReadonlyMap<Instance, bigint>;
  /** Instances whose renewals have stopped. */
  readonly stale: ReadonlySet<Instance>;
  /** The node's state is from before its restart, and no other node has confirmed it. */
  readonly isStale: boolean;
}

/** Returns a client for requests that need no cluster key. `tls` verifies https:// nodes. */
export function keylessClient(tls?: NodeTrust): NodeClient {
  return new NodeClient(systemTimers.after, () => [], false, tls);
}

/** The registry nodes that a command asks, once or repeatedly. */
export class RegistryNodes {
  private readonly client: NodeClient;
  private readonly nodes: Sources<string>;

  constructor(client: NodeClient, urls: readonly string[]) {
    this.client = client;
    this.nodes = new Sources(urls, systemTimers.after);
  }

  /**
   * Asks the nodes in order, each with a head start over the next; returns the first good answer, else one from before
   * a node's restart. Throws StartError if no node answers.
   */
  async listing(): Promise<RegistryListing> {
    let stale: RegistryListing | undefined;
    const ask = async (node: string, signal: AbortSignal): Promise<RegistryListing> => {
      const listing = await listingOf(this.client, node, signal);
      if (!listing.isStale) return listing;
      stale ??= listing;
      throw new NodeFailure(node, "its state is from before its restart");
    };
    try {
      return await this.nodes.first(ask, new AbortController().signal);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      const bug = error.reasons.find(({ cause }) => !(cause instanceof NodeFailure || cause instanceof MalformedJson));
      if (bug !== undefined) throw bug.cause;
      if (stale !== undefined) return stale;
      const reasons = error.reasons.map(({ cause }) => reasonOf(cause));
      throw new StartError(`no registry node answers: ${reasons.join("; ")}; name others with --discovery`);
    }
  }
}

/** Asks the nodes once, as RegistryNodes does. */
export function firstListing(client: NodeClient, urls: readonly string[]): Promise<RegistryListing> {
  return new RegistryNodes(client, urls).listing();
}

async function listingOf(client: NodeClient, node: string, signal: AbortSignal): Promise<RegistryListing> {
  const ask = async (endpoint: string): Promise<Answer> => {
    const call: Call = { method: "GET", endpoint, parameters: new URLSearchParams(), limitMs: requestMsMax };
    const answer = await client.ask(node, call, signal);
    if (answer.code === Code.Ok) return answer;
    const isStarting = answer.code === Code.ServerError;
    throw new NodeFailure(node, isStarting ? "it is starting" : `code ${answer.code} ${answer.message}`);
  };
  const [all, registryNodes] = await Promise.all([ask("fetch/all"), ask("nodes")]);
  const lost = new Set(parseNodes(registryNodes.data).flatMap(({ address, isUp }) => (isUp ? [] : [address])));
  const listed = parseListing(all.data);
  const renewals = new Map(listed.map(({ instance, renewTimestamp }) => [instance, renewTimestamp]));
  const stale = new Set(listed.flatMap(({ instance, isStale }) => (isStale ? [instance] : [])));
  return { node, instances: [...renewals.keys()], lost, renewals, stale, isStale: all.isStale };
}
