// Nodes of the original implementation in another env than this node's. They look for other nodes in their own env
// alone, so they tell this one nothing: what is written there shows here only when all that they list is read again.

import type { Log } from "../../base/log.ts";
import type { Entry } from "../table/entry.ts";

/** What a node of ours says of itself in the registry. */
export const ownMetadata: ReadonlyMap<string, string> = new Map([["implementation", "roost"]]);

/** Envs that are warned of; nobody has so many, but anybody may register a node. */
const envsMax = 16;

export class ForeignEnvs {
  private readonly env: string;
  private readonly log: Log;
  private readonly warned = new Set<string>();

  /** `env` is this node's. */
  constructor(env: string, log: Log) {
    this.env = env;
    this.log = log;
  }

  /** Warns, once for each env, of those among the registry's nodes that are original ones of another env. */
  look(nodes: Iterable<Entry>): void {
    for (const { instance } of nodes) {
      if (instance === undefined || instance.env === this.env || this.warned.has(instance.env)) continue;
      if (instance.metadata.get("implementation") === ownMetadata.get("implementation")) continue;
      if (this.warned.size >= envsMax) return;
      this.warned.add(instance.env);
      this.log.warn(
        "a registry node of bilibili/discovery is in another env than this node: it does not forward writes, " +
          "so they appear here up to 30 s late; start this node with the same --env",
        { address: instance.hostname, env: instance.env, ownEnv: this.env },
      );
    }
  }
}
