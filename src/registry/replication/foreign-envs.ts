// Original nodes in another env than this node's. They find other nodes in their own env only, so they forward nothing
// to this one: writes there appear here only when all that they list is read again.

import type { Log } from "../../base/log.ts";
import type { Entry } from "../table/entry.ts";

/** The metadata of our nodes in the registry. */
export const ownMetadata: ReadonlyMap<string, string> = new Map([["implementation", "roost"]]);

/** Envs to warn of: anybody may register a node in any env. */
const envsMax = 16;

export class ForeignEnvs {
  private readonly env: string;
  private readonly log: Log;
  private readonly warned = new Set<string>();

  constructor(env: string, log: Log) {
    this.env = env;
    this.log = log;
  }

  /** Warns once per env of original nodes of another env. */
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
