// What a registry lists, asked by a command: the first node that answers counts.

import { Code } from "../registry/client/codes.ts";
import { type Call, type NodeClient, NodeFailure } from "../registry/client/node-client.ts";
import { type Answer, MalformedAnswer, parseListing, parseNodes } from "../registry/client/parse-instances.ts";
import type { Instance } from "../registry/instance.ts";
import { StartError } from "./usage-error.ts";

const requestMsMax = 3_000;

/** What one node said. */
export interface RegistryListing {
  /** Its URL. */
  readonly node: string;
  readonly instances: readonly Instance[];
  /** Addresses of registry nodes that it does not reach. */
  readonly lost: ReadonlySet<string>;
  /** When each instance was renewed last, by the clock of the node: nanoseconds since 1970. */
  readonly renewals: ReadonlyMap<Instance, bigint>;
}

/** Asks the nodes in their order; the first one that answers counts. Throws StartError when none does. */
export async function firstListing(client: NodeClient, urls: readonly string[]): Promise<RegistryListing> {
  const reasons: string[] = [];
  for (const node of urls) {
    try {
      return await listingOf(client, node);
    } catch (error) {
      if (!(error instanceof NodeFailure) && !(error instanceof MalformedAnswer)) throw error;
      reasons.push(error.message);
    }
  }
  throw new StartError(`no registry node answers: ${reasons.join("; ")}; name others with --discovery`);
}

async function listingOf(client: NodeClient, node: string): Promise<RegistryListing> {
  const ask = async (endpoint: string): Promise<Answer> => {
    const call: Call = { method: "GET", endpoint, parameters: new URLSearchParams(), limitMs: requestMsMax };
    const answer = await client.ask(node, call, new AbortController().signal);
    if (answer.code === Code.Ok) return answer;
    const isStarting = answer.code === Code.ServerError;
    throw new NodeFailure(node, isStarting ? "it is starting" : `code ${answer.code} ${answer.message}`);
  };
  const [all, registryNodes] = await Promise.all([ask("fetch/all"), ask("nodes")]);
  const lost = new Set(parseNodes(registryNodes.data).flatMap(({ address, isUp }) => (isUp ? [] : [address])));
  const listed = parseListing(all.data);
  const renewals = new Map(listed.map(({ instance, renewTimestamp }) => [instance, renewTimestamp]));
  return { node, instances: [...renewals.keys()], lost, renewals };
}
